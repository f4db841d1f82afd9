#include "kernels/linear/weight_operands.h"

#include "base/check.h"
#include "kernels/float_type.h"

namespace parallm {
namespace {

WeightForm dense_form(mx::Dtype dtype) {
  switch (float_type(dtype)) {
    case FloatType::kF32:
      return WeightForm::kF32;
    case FloatType::kF16:
      return WeightForm::kF16;
    case FloatType::kBF16:
      break;
  }
  return WeightForm::kBF16;
}

WeightForm affine_form(int bits) {
  for (const auto form :
       {WeightForm::kAffine2, WeightForm::kAffine3, WeightForm::kAffine4,
        WeightForm::kAffine5, WeightForm::kAffine6, WeightForm::kAffine8}) {
    if (form_bits(form) == bits) {
      return form;
    }
  }
  throw CheckFailed(fmt::format("affine weights of {} bits", bits));
}

WeightForm packed_form(const QuantizedWeight& weight) {
  switch (weight.mode) {
    case QuantMode::kAffine:
      return affine_form(weight.bits);
    case QuantMode::kMxfp4:
      return WeightForm::kMxfp4;
    case QuantMode::kNvfp4:
      return WeightForm::kNvfp4;
    case QuantMode::kMxfp8:
      break;
  }
  return WeightForm::kMxfp8;
}

void expect_consistent(const QuantizedWeight& w) {
  const bool affine = w.mode == QuantMode::kAffine;
  PARALLM_CHECK(
      w.biases.has_value() == affine &&
          (affine ? w.biases->dtype() == w.scales.dtype()
                  : w.scales.dtype() == mx::uint8) &&
          (!w.global_scale || (w.mode == QuantMode::kNvfp4 &&
                               w.global_scale->dtype() == mx::float32)),
      "{} weight of unfit parts", name_of(w.mode));
  PARALLM_CHECK(
      w.bits == form_bits(packed_form(w)) && w.group_size % simd::kLanes == 0 &&
          w.packed.shape(-1) * 32 == w.scales.shape(-1) * w.group_size * w.bits,
      "{} weight of {} words, {} groups", name_of(w.mode), w.packed.shape(-1),
      w.scales.shape(-1));
}

// See WeightOperands.
size_t count_arrays(const WeightLayout& layout) {
  return size_t{1} + is_packed(layout.form) + is_affine(layout.form) +
         layout.globally_scaled + layout.biased;
}

} // namespace

WeightOperands weight_operands(
    const mx::array& weight, const std::optional<mx::array>& bias) {
  WeightOperands result{
      {dense_form(weight.dtype()), 0, false, bias.has_value()}, {weight}};
  if (bias) {
    result.arrays.push_back(*bias);
  }
  return result;
}

WeightOperands weight_operands(
    const QuantizedWeight& weight, const std::optional<mx::array>& bias) {
  expect_consistent(weight);
  WeightOperands result{
      {packed_form(weight), weight.group_size, weight.global_scale.has_value(),
       bias.has_value()},
      {weight.packed, weight.scales}};
  for (const auto& part : {weight.biases, weight.global_scale, bias}) {
    if (part) {
      result.arrays.push_back(*part);
    }
  }
  return result;
}

int weight_inputs(const WeightOperands& operands) {
  const auto& weight = operands.arrays[0];
  return static_cast<int>(
      weight.shape(-1) * weight.itemsize() * 8 /
      form_bits(operands.layout.form));
}

WeightView::WeightView(
    const WeightLayout& layout, const std::vector<mx::array>& in, size_t first)
    : layout_(layout),
      matrices_(in[first].ndim() == 3 ? in[first].shape(0) : 1) {
  const size_t end = first + count_arrays(layout);
  for (size_t i = first; i < end; ++i) {
    parts_.push_back({RowMajor(in[i]), in[i].nbytes() / matrices_});
  }
  sizes_.inputs = weight_inputs({layout, {in[first]}});
  sizes_.outputs = sizes_.end_output = in[first].shape(-2);
  sizes_.form = layout.form;
  sizes_.group_size = layout.group_size;
  if (is_affine(layout.form)) {
    sizes_.scale_type = float_type(in[first + 1].dtype());
  }
  if (layout.biased) {
    sizes_.bias_type = float_type(in[end - 1].dtype());
  }
}

const void* WeightView::at(size_t part, int index) {
  return static_cast<const char*>(parts_[part].memory.data()) +
         parts_[part].matrix_bytes * index;
}

ProductArgs WeightView::matrix(int index) {
  ProductArgs args = sizes_;
  size_t part = 0;
  args.weight = at(part++, index);
  if (is_packed(layout_.form)) {
    args.scales = at(part++, index);
  }
  if (is_affine(layout_.form)) {
    args.biases = at(part++, index);
  }
  if (layout_.globally_scaled) {
    args.scale_factor =
        *static_cast<const float*>(at(part++, index)) / kGlobalScaleUnit;
  }
  if (layout_.biased) {
    args.bias = at(part, index);
  }
  return args;
}

} // namespace parallm
