#pragma once

#include <cstring>

#include "kernels/linear/packed_numbers.h"
#include "kernels/linear/panel_codes.h"
#include "kernels/linear/tile.h"

// The body of a TileFunction. A file for one instruction set includes what is
// above, then says the set, then includes this, so that nothing else is
// compiled for it.
//
// Isa is what differs:
//   Codes, Ints, Floats   vectors of uint32_t, int32_t and float, as wide as
//                         registers are
//   dot<kBits>(sum, codes, x)   adds the dot products of 4 codes of so many
//                               bits, without sign, and 4 bytes with sign
//   look_up(table, codes)       for each byte, below 16, that of the table
//   add_product(sum, a, b)      rounded once
//   widen(type, from)           so many floats
namespace parallm {
namespace {

// In E2M1 no number is smaller than -6: twice that is -12. Codes that are twice
// the number and 12 more are positive, and 12 of them too many.
constexpr int8_t kTwiceE2m1[16] = {12, 13, 14, 15, 16, 18, 20, 24,
                                   12, 11, 10, 9,  8,  6,  4,  0};
constexpr float kE2m1Offset = 12;

constexpr bool is_e2m1(WeightForm form) {
  return form == WeightForm::kMxfp4 || form == WeightForm::kNvfp4;
}

template <class Isa>
constexpr int kVectorLanes = sizeof(typename Isa::Floats) / sizeof(float);
// So many of them make a panel's width.
template <class Isa>
constexpr int kPanelVectors = kPanelOutputs / kVectorLanes<Isa>;
// So many at a time: registers hold the sums of four rows and no more.
template <class Isa>
constexpr int kVectors = kPanelVectors<Isa> < 4 ? kPanelVectors<Isa> : 4;

template <class Isa, int kRows>
using Dots = typename Isa::Ints[kRows][kVectors<Isa>];
template <class Isa, int kRows>
using Sums = typename Isa::Floats[kRows][kPanelVectors<Isa>];

template <class Isa, WeightForm kForm, int kRows>
PARALLM_INLINE void add_step(
    Dots<Isa, kRows>& dots,
    const uint8_t* unit,
    int step,
    int first,
    const uint8_t* x) {
  typename Isa::Codes codes[kVectors<Isa>];
  for (int v = 0; v < kVectors<Isa>; ++v) {
    load_codes<kForm>(codes[v], unit, step, (first + v) * kVectorLanes<Isa>);
    if constexpr (is_e2m1(kForm)) {
      codes[v] = Isa::look_up(kTwiceE2m1, codes[v]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    uint32_t four;
    std::memcpy(&four, x + r * kStepInputs, sizeof(four));
    const typename Isa::Codes spread = typename Isa::Codes{} + four;
    for (int v = 0; v < kVectors<Isa>; ++v) {
      dots[r][v] =
          Isa::template dot<form_bits(kForm)>(dots[r][v], codes[v], spread);
    }
  }
}

// From so many rows on it is not memory that a tile waits for, so that the
// processor's own prefetching falls behind: 20 to 24 GB/s with 8 rows.
constexpr int kRowsThatCompute = 4;

// Asks for what lies as far behind these bytes as is read meanwhile. A little
// at a time: the processor waits for few lines at once, and then for nothing
// else.
template <int kRows>
PARALLM_INLINE void ask_ahead(const uint8_t* from, int bytes) {
  // Three groups of 64 with 4 bits; measured.
  constexpr int kAhead = 3456, kLine = 64;
  if constexpr (kRows >= kRowsThatCompute) {
    for (int i = 0; i < bytes; i += kLine) {
      __builtin_prefetch(from + kAhead + i);
    }
  }
}

// Whole sums over one group, of the vectors from `first` on.
template <class Isa, WeightForm kForm, int kRows>
PARALLM_INLINE void sum_group(
    Dots<Isa, kRows>& dots,
    const uint8_t* codes,
    int group_size,
    int first,
    const uint8_t* x) {
  constexpr int kStep = kUnitBytes<kForm> / kStepsOfUnit<kForm>;
  const int units = group_size / (kStepsOfUnit<kForm> * kStepInputs);
  for (int unit = 0; unit < units; ++unit) {
#pragma GCC unroll 8
    for (int step = 0; step < kStepsOfUnit<kForm>; ++step) {
      add_step<Isa, kForm, kRows>(dots, codes, step, first, x);
      ask_ahead<kRows>(codes + step * kStep, kStep);
      x += kRows * kStepInputs;
    }
    codes += kUnitBytes<kForm>;
  }
}

// Of one group, and of the vectors that are summed up together.
template <class Isa>
struct GroupScales {
  typename Isa::Floats scale[kVectors<Isa>];
  typename Isa::Floats bias[kVectors<Isa>];
};

template <class Isa>
PARALLM_INLINE void load_affine(
    GroupScales<Isa>& out,
    const PanelLayout& l,
    int first,
    const uint8_t* from) {
  const size_t bytes = kVectorLanes<Isa> * float_bytes(l.scale_type);
  from += first * bytes;
  for (int v = 0; v < kVectors<Isa>; ++v, from += bytes) {
    out.scale[v] = Isa::widen(l.scale_type, from);
    out.bias[v] = Isa::widen(l.scale_type, from + l.scale_bytes());
  }
}

template <class Isa, WeightForm kForm>
PARALLM_INLINE void load_bytes_as_scales(
    GroupScales<Isa>& out, float factor, int first, const uint8_t* from) {
  alignas(64) float scales[kVectors<Isa> * kVectorLanes<Isa>];
  from += first * kVectorLanes<Isa>;
  for (int i = 0; i < kVectors<Isa> * kVectorLanes<Isa>; ++i) {
    scales[i] = 0.5f * factor *
                (kForm == WeightForm::kNvfp4 ? simd::kE4m3[from[i]]
                                             : simd::e8m0(from[i]));
  }
  std::memcpy(out.scale, scales, sizeof(scales));
  for (int v = 0; v < kVectors<Isa>; ++v) {
    out.bias[v] = out.scale[v] * -kE2m1Offset;
  }
}

// x: the scales of the tile's rows, then their sums.
template <class Isa, int kRows>
PARALLM_INLINE void add_group(
    Sums<Isa, kRows>& sums,
    const Dots<Isa, kRows>& dots,
    const GroupScales<Isa>& w,
    int first,
    const uint8_t* x) {
  using Floats = typename Isa::Floats;
  float numbers[2 * kRows];
  std::memcpy(numbers, x, sizeof(numbers));
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors<Isa>; ++v) {
      Floats& sum = sums[r][first + v];
      sum = Isa::add_product(sum, w.bias[v], Floats{} + numbers[kRows + r]);
      sum = Isa::add_product(
          sum, __builtin_convertvector(dots[r][v], Floats),
          w.scale[v] * numbers[r]);
    }
  }
}

template <class Isa, int kRows>
struct Int8Tile {
  template <WeightForm kForm>
  static void run(const TileArgs& a) {
    const PanelLayout l = a.layout;
    const int group_size = l.group_size, code_bytes = l.code_bytes();
    const size_t group_bytes = l.group_bytes();
    const uint8_t* codes = a.panel;
    const uint8_t* x = a.tile;
    Sums<Isa, kRows> sums = {};
    for (int g = 0; g < l.groups(); ++g) {
      for (int v = 0; v < kPanelVectors<Isa>; v += kVectors<Isa>) {
        GroupScales<Isa> w;
        Dots<Isa, kRows> dots = {};
        // These take a while: they begin before the sums, which do not need
        // them.
        if constexpr (is_e2m1(kForm)) {
          load_bytes_as_scales<Isa, kForm>(w, a.factor, v, codes + code_bytes);
        }
        sum_group<Isa, kForm, kRows>(dots, codes, group_size, v, x);
        ask_ahead<kRows>(
            codes + code_bytes, static_cast<int>(group_bytes) - code_bytes);
        if constexpr (is_affine(kForm)) {
          load_affine<Isa>(w, l, v, codes + code_bytes);
        }
        add_group<Isa, kRows>(sums, dots, w, v, x + kRows * group_size);
      }
      x += kRows * (group_size + 2 * sizeof(float));
      codes += group_bytes;
    }
    std::memcpy(a.out, sums, sizeof(sums));
  }
};

// Tile::run<form>, where there is an int8 kernel.
template <class Tile>
TileFunction function_for(WeightForm form) {
  switch (form) {
    case WeightForm::kAffine2:
      return Tile::template run<WeightForm::kAffine2>;
    case WeightForm::kAffine3:
      return Tile::template run<WeightForm::kAffine3>;
    case WeightForm::kAffine4:
      return Tile::template run<WeightForm::kAffine4>;
    case WeightForm::kAffine5:
      return Tile::template run<WeightForm::kAffine5>;
    case WeightForm::kAffine6:
      return Tile::template run<WeightForm::kAffine6>;
    case WeightForm::kAffine8:
      return Tile::template run<WeightForm::kAffine8>;
    case WeightForm::kMxfp4:
      return Tile::template run<WeightForm::kMxfp4>;
    case WeightForm::kNvfp4:
      return Tile::template run<WeightForm::kNvfp4>;
    default:
      return nullptr;
  }
}

// The tile functions of a set: of so many rows each.
template <class Isa, int... kRows>
TileFunction function_of(WeightForm form, int rows) {
  TileFunction found = nullptr;
  ((found = rows == kRows ? function_for<Int8Tile<Isa, kRows>>(form) : found),
   ...);
  return found;
}

template <class Isa, int... kRows>
constexpr TileKernels int8_kernels_of() {
  static_assert((!is_for_matrices(kRows) && ...));
  return {TileForm::kInt8, {kRows...}, function_of<Isa, kRows...>};
}

} // namespace
} // namespace parallm
