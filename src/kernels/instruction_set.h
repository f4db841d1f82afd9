#pragma once

#include <cstdint>
#include <vector>

// Which instructions the CPU kernels use. Chosen at run time: one program
// serves every machine of its architecture. No MLX here; any thread.
namespace parallm {

// Each includes those before it that belong to the same architecture, but for
// kAvxVnni, which processors with AVX-512 may lack.
enum class InstructionSet : uint8_t {
  kBaseline, // what the compiler may use anywhere: SSE2, or NEON
  // x86-64
  kAvx2,       // with FMA and F16C
  kAvxVnni,    // dot products of bytes, for processors without AVX-512
  kAvx512,     // F, BW, VL, DQ
  kAvx512Vnni, // dot products of bytes
  kAvx512Bf16, // and of bfloat16
  kAmx,        // products of small matrices of bytes
  // AArch64
  kNeonDot,  // dot products of bytes
  kNeonI8mm, // and of bytes of mixed signs
};

// "avx512-vnni"
const char* name_of(InstructionSet set);

// What this machine has, the best last. Asks the system for the use of AMX.
std::vector<InstructionSet> host_instruction_sets();

// Whose code runs where a kernel is compiled for vectors of floats only: of the
// sets within `set` the best that adds to those.
constexpr InstructionSet vector_set(InstructionSet set) {
  switch (set) {
    case InstructionSet::kAvx2:
    case InstructionSet::kAvxVnni:
      return InstructionSet::kAvx2;
    case InstructionSet::kAvx512:
    case InstructionSet::kAvx512Vnni:
    case InstructionSet::kAvx512Bf16:
    case InstructionSet::kAmx:
      return InstructionSet::kAvx512;
    default:
      return InstructionSet::kBaseline;
  }
}
// And where it multiplies bfloat16 as well.
constexpr InstructionSet bfloat16_set(InstructionSet set) {
  return set == InstructionSet::kAmx          ? InstructionSet::kAvx512Bf16
         : set == InstructionSet::kAvx512Bf16 ? set
                                              : vector_set(set);
}

// What kernels use from their next call on: the best there is, unless told.
InstructionSet instruction_set();
// For tests, and for whoever compares. Throws CheckFailed for a set that this
// machine has not.
void use_instruction_set(InstructionSet set);

} // namespace parallm
