#include "kernels/linear/packed_numbers.h"
#include "kernels/linear/panel_codes.h"
#include "kernels/linear/tile.h"

namespace parallm {
namespace {

using namespace simd;

constexpr int kHalves = kPanelOutputs / kLanes; // of a panel's width

template <int kRows>
using TileSums = Floats[kRows][kHalves];

// x: 4 inputs of each row
template <WeightForm kForm, int kRows>
PARALLM_INLINE void add_float_step(
    TileSums<kRows>& sums, const uint8_t* unit, int step, const float* x) {
  for (int half = 0; half < kHalves; ++half) {
    Words codes;
    load_codes<kForm>(codes, unit, step, half * kLanes);
    for (int i = 0; i < kStepInputs; ++i) {
      const Words code = codes >> (8 * i) & 0xffu;
      Floats value;
      value_of<kForm>(value, code);
      for (int r = 0; r < kRows; ++r) {
        sums[r][half] += value * x[i * kRows + r];
      }
    }
  }
}

template <WeightForm kForm, int kRows>
PARALLM_INLINE void sum_float_group(
    TileSums<kRows>& sums,
    const uint8_t* codes,
    int group_size,
    const float* x) {
  constexpr int kSteps = kStepsOfUnit<kForm>;
  for (int i = 0; i < group_size; i += kSteps * kStepInputs) {
    for (int step = 0; step < kSteps; ++step) {
      add_float_step<kForm, kRows>(
          sums, codes, step, x + (i + step * kStepInputs) * kRows);
    }
    codes += kUnitBytes<kForm>;
  }
}

// Of one group and half of the outputs.
template <WeightForm kForm>
PARALLM_INLINE void load_scale(
    Floats& scale, const TileArgs& a, const uint8_t* from, int half) {
  if constexpr (is_affine(kForm)) {
    const size_t bytes = kLanes * float_bytes(a.layout.scale_type);
    load_row(
        a.layout.scale_type, reinterpret_cast<float*>(&scale),
        from + half * bytes, kLanes);
  } else {
    for (int i = 0; i < kLanes; ++i) {
      const uint8_t code = from[half * kLanes + i];
      scale[i] = kCodeUnit<kForm> * a.factor *
                 (kForm == WeightForm::kNvfp4 ? kE4m3[code] : e8m0(code));
    }
  }
}

// rows: the sums of each row's numbers
template <WeightForm kForm, int kRows>
PARALLM_INLINE void add_float_group(
    TileSums<kRows>& sums,
    const TileSums<kRows>& group,
    const TileArgs& a,
    const uint8_t* scales,
    const float* rows) {
  for (int half = 0; half < kHalves; ++half) {
    Floats scale, bias;
    load_scale<kForm>(scale, a, scales, half);
    if constexpr (is_affine(kForm)) {
      load_scale<kForm>(bias, a, scales + a.layout.scale_bytes(), half);
    }
    for (int r = 0; r < kRows; ++r) {
      if constexpr (is_affine(kForm)) {
        sums[r][half] += bias * rows[r];
      }
      sums[r][half] += group[r][half] * scale;
    }
  }
}

template <WeightForm kForm, int kRows>
PARALLM_INLINE void float_tile_of(const TileArgs& a) {
  const PanelLayout l = a.layout;
  const uint8_t* codes = a.panel;
  const auto* x = reinterpret_cast<const float*>(a.tile);
  TileSums<kRows> sums = {};
  for (int g = 0; g < l.groups(); ++g) {
    TileSums<kRows> group = {};
    sum_float_group<kForm, kRows>(group, codes, l.group_size, x);
    x += kRows * l.group_size;
    add_float_group<kForm, kRows>(sums, group, a, codes + l.code_bytes(), x);
    x += kRows;
    codes += l.group_bytes();
  }
  std::memcpy(a.out, sums, sizeof(sums));
}

template <WeightForm kForm>
PARALLM_INLINE void float_tile_of(const TileArgs& a) {
  if (a.rows == 4) {
    float_tile_of<kForm, 4>(a);
  } else {
    float_tile_of<kForm, 1>(a);
  }
}

PARALLM_INLINE void float_tile_body(const TileArgs& a) {
  switch (a.layout.form) {
    case WeightForm::kAffine2:
      return float_tile_of<WeightForm::kAffine2>(a);
    case WeightForm::kAffine3:
      return float_tile_of<WeightForm::kAffine3>(a);
    case WeightForm::kAffine4:
      return float_tile_of<WeightForm::kAffine4>(a);
    case WeightForm::kAffine5:
      return float_tile_of<WeightForm::kAffine5>(a);
    case WeightForm::kAffine6:
      return float_tile_of<WeightForm::kAffine6>(a);
    case WeightForm::kAffine8:
      return float_tile_of<WeightForm::kAffine8>(a);
    case WeightForm::kMxfp4:
      return float_tile_of<WeightForm::kMxfp4>(a);
    case WeightForm::kNvfp4:
      return float_tile_of<WeightForm::kNvfp4>(a);
    default:
      return float_tile_of<WeightForm::kMxfp8>(a);
  }
}

PARALLM_MULTIVERSION(float_tile, float_tile_body, TileArgs)

TileFunction function(WeightForm, int) {
  return float_tile;
}

} // namespace

const TileKernels& float_kernels() {
  static constexpr TileKernels kKernels = {TileForm::kFloat, {1, 4}, function};
  return kKernels;
}

} // namespace parallm
