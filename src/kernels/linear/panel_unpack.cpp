#include <vector>

#include "kernels/linear/packed_numbers.h"
#include "kernels/linear/panel_codes.h"

namespace parallm {
namespace {

using namespace simd;

struct UnpackPart {
  const OutputRows& rows;
  size_t first;
  size_t end;
};

// 16 codes of the output that is number `at` of its panel: 4 steps of a unit.
template <WeightForm kForm>
PARALLM_INLINE void load_output(
    Words& out, const uint8_t* unit, int step, int at) {
  uint32_t codes[kLanes / kStepInputs];
  for (int i = 0; i < kLanes / kStepInputs; ++i) {
    load_codes<kForm>(codes[i], unit, step + i, at);
  }
  Bytes bytes;
  bit_cast(bytes, codes);
  out = __builtin_convertvector(bytes, Words);
}

template <WeightForm kForm>
PARALLM_INLINE float scale_at(
    const PanelLayout& l, const uint8_t* scales, int at) {
  if constexpr (is_affine(kForm)) {
    return simd::at(l.scale_type, scales, at);
  } else {
    return kCodeUnit<kForm> *
           (kForm == WeightForm::kNvfp4 ? kE4m3[scales[at]] : e8m0(scales[at]));
  }
}

template <WeightForm kForm>
PARALLM_INLINE void unpack_group(
    float* out, const PanelLayout& l, const uint8_t* group, int at) {
  const uint8_t* scales = group + l.code_bytes();
  const float scale = scale_at<kForm>(l, scales, at);
  const float bias =
      is_affine(kForm) ? scale_at<kForm>(l, scales + l.scale_bytes(), at) : 0;
  constexpr int kSteps = kStepsOfUnit<kForm>;
  for (int step = 0; step < l.group_size / kStepInputs;
       step += kLanes / kStepInputs) {
    Words codes;
    load_output<kForm>(
        codes, group + step / kSteps * kUnitBytes<kForm>, step % kSteps, at);
    Floats numbers;
    value_of<kForm>(numbers, codes);
    numbers = numbers * scale + bias;
    std::memcpy(out + step * kStepInputs, &numbers, sizeof(numbers));
  }
}

template <WeightForm kForm>
PARALLM_INLINE void unpack_part_of(const UnpackPart& part) {
  const OutputRows& rows = part.rows;
  const PanelLayout& l = rows.layout;
  const size_t row_bytes = l.inputs * float_bytes(rows.type);
  std::vector<float> row(l.inputs);
  for (size_t i = part.first; i < part.end; ++i) {
    const int id = rows.ids[i];
    const uint8_t* group = rows.panels + id / kPanelOutputs * l.panel_bytes();
    for (int g = 0; g < l.groups(); ++g, group += l.group_bytes()) {
      unpack_group<kForm>(&row[g * l.group_size], l, group, id % kPanelOutputs);
    }
    store_row(rows.type, rows.out + i * row_bytes, row.data(), l.inputs);
  }
}

PARALLM_INLINE void unpack_body(const UnpackPart& part) {
  switch (part.rows.layout.form) {
    case WeightForm::kAffine2:
      return unpack_part_of<WeightForm::kAffine2>(part);
    case WeightForm::kAffine3:
      return unpack_part_of<WeightForm::kAffine3>(part);
    case WeightForm::kAffine4:
      return unpack_part_of<WeightForm::kAffine4>(part);
    case WeightForm::kAffine5:
      return unpack_part_of<WeightForm::kAffine5>(part);
    case WeightForm::kAffine6:
      return unpack_part_of<WeightForm::kAffine6>(part);
    case WeightForm::kAffine8:
      return unpack_part_of<WeightForm::kAffine8>(part);
    case WeightForm::kMxfp4:
      return unpack_part_of<WeightForm::kMxfp4>(part);
    case WeightForm::kNvfp4:
      return unpack_part_of<WeightForm::kNvfp4>(part);
    default:
      return unpack_part_of<WeightForm::kMxfp8>(part);
  }
}

PARALLM_MULTIVERSION(unpack_part, unpack_body, UnpackPart)

} // namespace

void unpack_outputs(const OutputRows& rows, size_t first, size_t end) {
  unpack_part({rows, first, end});
}

} // namespace parallm
