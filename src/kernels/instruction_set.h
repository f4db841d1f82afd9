#pragma once

#include <cstdint>
#include <vector>

// Which instructions the CPU kernels use. Chosen at run time: one program
// serves every machine of its architecture. No MLX here; any thread.
namespace parallm {

// Each includes those before it that belong to the same architecture.
enum class InstructionSet : uint8_t {
  kBaseline, // what the compiler may use anywhere: SSE2, or NEON
  // x86-64
  kAvx2,       // with FMA and F16C
  kAvx512,     // F, BW, VL, DQ
  kAvx512Vnni, // dot products of bytes
  kAvx512Bf16, // and of bfloat16
  // AArch64
  kNeonDot,  // dot products of bytes
  kNeonI8mm, // and of bytes of mixed signs
};

// "avx512-vnni"
const char* name_of(InstructionSet set);

// What this machine has, the best last.
std::vector<InstructionSet> host_instruction_sets();

// What kernels use from their next call on: the best there is, unless told.
InstructionSet instruction_set();
// For tests, and for whoever compares. Throws CheckFailed for a set that this
// machine has not.
void use_instruction_set(InstructionSet set);

} // namespace parallm
