#include "kernels/instruction_set.h"

#include <algorithm>
#include <atomic>

#include "base/check.h"

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#elif defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace parallm {
namespace {

struct Known {
  InstructionSet set;
  bool present;
};

#if defined(__x86_64__)

struct Leaf7 {
  unsigned eax, ebx, ecx, edx;
};

bool has_avx512() {
  return __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512dq");
}

// What not every compiler's __builtin_cpu_supports knows.
bool has_feature(unsigned subleaf, unsigned Leaf7::*word, unsigned bit) {
  Leaf7 leaf{};
  return __get_cpuid_count(
             7, subleaf, &leaf.eax, &leaf.ebx, &leaf.ecx, &leaf.edx) != 0 &&
         (leaf.*word >> bit & 1) != 0;
}

// Linux lets a process use these large registers once it has asked; all its
// threads may then.
bool may_use_tiles() {
#if defined(__linux__)
  constexpr long kAskForState = 0x1023, kTileData = 18; // asm/prctl.h
  static const bool may = syscall(SYS_arch_prctl, kAskForState, kTileData) == 0;
  return may;
#else
  return false;
#endif
}

bool has_amx() {
  constexpr unsigned kTile = 24, kInt8 = 25;
  return has_feature(0, &Leaf7::edx, kTile) &&
         has_feature(0, &Leaf7::edx, kInt8) && may_use_tiles();
}

bool has_avx_vnni() {
  constexpr unsigned kAvxVnni = 4;
  return has_feature(1, &Leaf7::eax, kAvxVnni);
}

std::vector<Known> known_sets() {
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") &&
                    __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("f16c");
  const bool avx512 = avx2 && has_avx512();
  const bool vnni = avx512 && __builtin_cpu_supports("avx512vnni");
  const bool bf16 = vnni && __builtin_cpu_supports("avx512bf16");
  return {
      {InstructionSet::kAvx2, avx2},
      {InstructionSet::kAvxVnni, avx2 && has_avx_vnni()},
      {InstructionSet::kAvx512, avx512},
      {InstructionSet::kAvx512Vnni, vnni},
      {InstructionSet::kAvx512Bf16, bf16},
      {InstructionSet::kAmx, bf16 && has_amx()}};
}

#elif defined(__aarch64__)

#if defined(__linux__)
bool has_dot() {
  return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
}
bool has_i8mm() {
  return (getauxval(AT_HWCAP2) & HWCAP2_I8MM) != 0;
}
#elif defined(__APPLE__)
bool has_feature(const char* name) {
  int present = 0;
  size_t size = sizeof(present);
  return sysctlbyname(name, &present, &size, nullptr, 0) == 0 && present != 0;
}
bool has_dot() {
  return has_feature("hw.optional.arm.FEAT_DotProd");
}
bool has_i8mm() {
  return has_feature("hw.optional.arm.FEAT_I8MM");
}
#endif

std::vector<Known> known_sets() {
  const bool dot = has_dot();
  return {
      {InstructionSet::kNeonDot, dot},
      {InstructionSet::kNeonI8mm, dot && has_i8mm()}};
}

#else

std::vector<Known> known_sets() {
  return {};
}

#endif

std::atomic<InstructionSet>& current() {
  static std::atomic<InstructionSet> set{host_instruction_sets().back()};
  return set;
}

} // namespace

const char* name_of(InstructionSet set) {
  switch (set) {
    case InstructionSet::kBaseline:
      return "baseline";
    case InstructionSet::kAvx2:
      return "avx2";
    case InstructionSet::kAvxVnni:
      return "avx-vnni";
    case InstructionSet::kAvx512:
      return "avx512";
    case InstructionSet::kAvx512Vnni:
      return "avx512-vnni";
    case InstructionSet::kAvx512Bf16:
      return "avx512-bf16";
    case InstructionSet::kAmx:
      return "amx";
    case InstructionSet::kNeonDot:
      return "neon-dotprod";
    case InstructionSet::kNeonI8mm:
      return "neon-i8mm";
  }
  return "";
}

std::vector<InstructionSet> host_instruction_sets() {
  std::vector<InstructionSet> sets{InstructionSet::kBaseline};
  for (const auto& [set, present] : known_sets()) {
    if (present) {
      sets.push_back(set);
    }
  }
  return sets;
}

InstructionSet instruction_set() {
  return current().load(std::memory_order_relaxed);
}

void use_instruction_set(InstructionSet set) {
  const auto sets = host_instruction_sets();
  PARALLM_CHECK(
      std::ranges::find(sets, set) != sets.end(), "this machine has no {}",
      name_of(set));
  current().store(set, std::memory_order_relaxed);
}

} // namespace parallm
