#pragma once

#if defined(__x86_64__)
#include <immintrin.h>

#include <cstdint>

#include "kernels/simd.h"

// The registers of AMX, each a matrix of up to 16 rows of 64 bytes. For
// machines that have InstructionSet::kAmx. No MLX here.
#define PARALLM_AMX_TARGET PARALLM_AVX512_TARGET ",amx-tile,amx-int8"

namespace parallm::amx {

inline constexpr int kRows = 16;
inline constexpr int kRowBytes = 64;

// What LDTILECFG reads.
struct alignas(64) Shapes {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};

  void set(int which, int count, int bytes) {
    rows[which] = static_cast<uint8_t>(count);
    row_bytes[which] = static_cast<uint16_t>(bytes);
  }
};

// For products of 16 rows with 16 columns, two by two: 0 to 3 are sums of 32
// bits, 4 and 5 rows, 6 and 7 columns, four bytes of each side by side. This
// thread's for as long as it lives; what begins or ends it must be compiled for
// PARALLM_AMX_TARGET.
class Registers {
 public:
  // bytes: of a row, at most 64
  PARALLM_INLINE explicit Registers(int bytes) {
    Shapes shapes;
    for (int sums = 0; sums < 4; ++sums) {
      shapes.set(sums, kRows, kRowBytes);
    }
    for (int i = 0; i < 2; ++i) {
      shapes.set(4 + i, kRows, bytes);
      shapes.set(6 + i, bytes / 4, kRowBytes);
    }
    asm volatile("ldtilecfg %0" ::"m"(shapes));
  }
  PARALLM_INLINE ~Registers() { asm volatile("tilerelease"); }
  Registers(const Registers&) = delete;
  Registers& operator=(const Registers&) = delete;
};

} // namespace parallm::amx
#endif
