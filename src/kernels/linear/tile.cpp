#include "kernels/linear/tile.h"

#include "kernels/instruction_set.h"
#include "kernels/linear/int8_sets.h"

namespace parallm {

const TileKernels& int8_kernels() {
  switch (instruction_set()) {
#if defined(__x86_64__)
    case InstructionSet::kAvx2:
      return kInt8Avx2;
    case InstructionSet::kAvxVnni:
      return kInt8AvxVnni;
    case InstructionSet::kAvx512:
      return kInt8Avx512;
    case InstructionSet::kAvx512Vnni:
    case InstructionSet::kAvx512Bf16:
      return kInt8Avx512Vnni;
    case InstructionSet::kAmx:
      return kInt8Amx;
#elif defined(__aarch64__)
    case InstructionSet::kBaseline:
      return kInt8Neon;
    case InstructionSet::kNeonDot:
      return kInt8NeonDot;
    case InstructionSet::kNeonI8mm:
      return kInt8NeonI8mm;
#endif
    default:
      return kInt8Baseline;
  }
}

} // namespace parallm
