#include <cstring>

#include "kernels/linear/int8_sets.h"
#include "kernels/linear/packed_numbers.h"

#include "kernels/linear/int8_kernel.h"

namespace parallm {
namespace {

// What any compiler makes of it: SSE2 or NEON.
struct Baseline {
  using Codes = uint32_t __attribute__((vector_size(16)));
  using Ints = int32_t __attribute__((vector_size(16)));
  using Floats = float __attribute__((vector_size(16)));
  using Unsigned = uint8_t __attribute__((vector_size(16)));
  using Signed = int8_t __attribute__((vector_size(16)));

  template <int kBits>
  static PARALLM_INLINE Ints dot(Ints sum, Codes codes, Codes x) {
    const auto code = (Unsigned)codes;
    const auto four = (Signed)x;
    for (int i = 0; i < 16; ++i) {
      sum[i / 4] += code[i] * four[i];
    }
    return sum;
  }
  static PARALLM_INLINE Codes look_up(const int8_t* table, Codes at) {
    auto bytes = (Unsigned)at;
    for (int i = 0; i < 16; ++i) {
      bytes[i] = static_cast<uint8_t>(table[bytes[i]]);
    }
    return (Codes)bytes;
  }
  // Rounded once even where there is no instruction for it, so that the bits
  // are those of every other set.
  static PARALLM_INLINE Floats add_product(Floats sum, Floats a, Floats b) {
    for (int i = 0; i < 4; ++i) {
      sum[i] = __builtin_fmaf(a[i], b[i], sum[i]);
    }
    return sum;
  }
  static PARALLM_INLINE Floats widen(FloatType type, const void* from) {
    Floats out;
    for (int i = 0; i < 4; ++i) {
      out[i] = simd::at(type, from, i);
    }
    return out;
  }
};

} // namespace

const TileKernels kInt8Baseline = int8_kernels_of<Baseline, 1>();

} // namespace parallm
