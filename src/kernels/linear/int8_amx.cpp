#include "kernels/linear/int8_sets.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "kernels/amx_registers.h"
#include "kernels/linear/packed_numbers.h"

PARALLM_BEGIN_TARGET(PARALLM_AMX_TARGET, PARALLM_AMX_TARGET)

#include "kernels/linear/int8_avx512.h"
#include "kernels/linear/int8_kernel.h"

// Products of matrices of bytes: 16 rows of 64 inputs with 64 inputs of 16
// outputs, in one instruction. Codes become bytes in the first cache, once for
// 32 rows; what a group's whole sums become is the same as anywhere.
namespace parallm {
namespace {

// A group's codes, a byte each, step by step.
template <WeightForm kForm>
PARALLM_INLINE void unpack_group(
    uint8_t* out, const uint8_t* codes, int group_size) {
  using Codes = Avx512Vectors::Codes;
  constexpr int kStep = kUnitBytes<kForm> / kStepsOfUnit<kForm>;
  const int units = group_size / (kStepsOfUnit<kForm> * kStepInputs);
  for (int unit = 0; unit < units; ++unit, codes += kUnitBytes<kForm>) {
#pragma GCC unroll 8
    for (int step = 0; step < kStepsOfUnit<kForm>; ++step) {
      ask_ahead<amx::kRows>(codes + step * kStep, kStep);
      for (int first = 0; first < kPanelOutputs; first += amx::kRows) {
        Codes vector;
        load_codes<kForm>(vector, codes, step, first);
        if constexpr (is_e2m1(kForm)) {
          vector = Avx512Vectors::look_up(kTwiceE2m1, vector);
        }
        std::memcpy(out, &vector, sizeof(vector));
        out += sizeof(vector);
      }
    }
  }
}

// Whole sums of a group. x: its rows. codes: as unpacked.
template <int kTileRows>
PARALLM_INLINE void multiply_group(
    Dots<Avx512Vectors, kTileRows>& dots,
    const uint8_t* x,
    const uint8_t* codes,
    int group_size) {
  constexpr bool kTwo = kTileRows > amx::kRows;
  constexpr int kStride = kPanelOutputs * sizeof(int32_t);
  const uint8_t* const lower = x + amx::kRows * group_size;
  asm volatile("" ::: "memory"); // loads of matrices do not say that they read
  _tile_zero(0);
  _tile_zero(1);
  if constexpr (kTwo) {
    _tile_zero(2);
    _tile_zero(3);
  }
  for (int i = 0; i < group_size; i += amx::kRowBytes) {
    const uint8_t* const steps = codes + i * kPanelOutputs;
    _tile_loadd(6, steps, kStepBytes);
    _tile_loadd(7, steps + amx::kRowBytes, kStepBytes);
    _tile_loadd(4, x + i, group_size);
    _tile_dpbsud(0, 4, 6);
    _tile_dpbsud(1, 4, 7);
    if constexpr (kTwo) {
      _tile_loadd(5, lower + i, group_size);
      _tile_dpbsud(2, 5, 6);
      _tile_dpbsud(3, 5, 7);
    }
  }
  _tile_stored(0, dots[0], kStride);
  _tile_stored(1, dots[0] + 1, kStride);
  if constexpr (kTwo) {
    _tile_stored(2, dots[amx::kRows], kStride);
    _tile_stored(3, dots[amx::kRows] + 1, kStride);
  }
}

template <WeightForm kForm>
PARALLM_INLINE void load_scales(
    GroupScales<Avx512Vectors>& out, const TileArgs& a, const uint8_t* from) {
  if constexpr (is_affine(kForm)) {
    load_affine<Avx512Vectors>(out, a.layout, 0, from);
  } else {
    load_bytes_as_scales<Avx512Vectors, kForm>(out, a.factor, 0, from);
  }
}

// The three kinds of work one after the other: spread over several groups, so
// that they would not wait for each other, it took as long.
template <int kTileRows>
struct AmxTile {
  template <WeightForm kForm>
  static void run(const TileArgs& a) {
    const PanelLayout l = a.layout;
    const amx::Registers registers(std::min(l.group_size, amx::kRowBytes));
    alignas(64) uint8_t bytes[kPanelOutputs * kMostGroup];
    Sums<Avx512Vectors, kTileRows> sums = {};
    const uint8_t* codes = a.panel;
    const uint8_t* x = a.tile;
    const int code_bytes = l.code_bytes();
    const auto group_bytes = static_cast<int>(l.group_bytes());
    for (int g = 0; g < l.groups(); ++g, codes += group_bytes) {
      Dots<Avx512Vectors, kTileRows> dots;
      GroupScales<Avx512Vectors> w;
      unpack_group<kForm>(bytes, codes, l.group_size);
      multiply_group<kTileRows>(dots, x, bytes, l.group_size);
      ask_ahead<kTileRows>(codes + code_bytes, group_bytes - code_bytes);
      load_scales<kForm>(w, a, codes + code_bytes);
      add_group<Avx512Vectors, kTileRows>(
          sums, dots, w, 0, x + kTileRows * l.group_size);
      x += kTileRows * (l.group_size + 2 * sizeof(float));
    }
    std::memcpy(a.out, sums, sizeof(sums));
  }
};

static_assert(kMostTileRows == 2 * amx::kRows);

// Few rows would leave most of a register empty.
TileFunction amx_function_of(WeightForm form, int rows) {
  switch (rows) {
    case 2 * amx::kRows:
      return function_for<AmxTile<2 * amx::kRows>>(form);
    case amx::kRows:
      return function_for<AmxTile<amx::kRows>>(form);
    default:
      return kInt8Avx512Vnni.function(form, rows);
  }
}

} // namespace

const TileKernels kInt8Amx = {
    TileForm::kInt8,
    {1, 2, 4, 6, 8, amx::kRows, 2 * amx::kRows},
    amx_function_of};

} // namespace parallm

PARALLM_END_TARGET
#endif
