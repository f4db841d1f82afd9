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

// See WeightOperands.
size_t count_arrays(const WeightLayout& layout) {
  return size_t{1} + layout.globally_scaled + layout.biased;
}

} // namespace

WeightOperands weight_operands(
    const mx::array& weight, const std::optional<mx::array>& bias) {
  WeightOperands result{
      {.form = dense_form(weight.dtype()), .biased = bias.has_value()},
      {weight},
      weight.shape(-1),
      weight.shape(-2)};
  if (bias) {
    result.arrays.push_back(*bias);
  }
  return result;
}

WeightOperands weight_operands(
    const PanelWeight& weight, const std::optional<mx::array>& bias) {
  const PanelLayout& layout = weight.layout;
  WeightOperands result{
      {layout.form, layout, weight.activations, weight.global_scale.has_value(),
       bias.has_value()},
      {weight.panels},
      layout.inputs,
      layout.outputs};
  for (const auto& part : {weight.global_scale, bias}) {
    if (part) {
      result.arrays.push_back(*part);
    }
  }
  return result;
}

WeightOperands weight_operands(
    const QuantizedWeight& weight, const std::optional<mx::array>& bias) {
  return weight_operands(pack(weight, Activations::kFloat32), bias);
}

WeightView::WeightView(
    const WeightLayout& layout, const std::vector<mx::array>& in, size_t first)
    : layout_(layout),
      matrices_(in[first].ndim() == 3 ? in[first].shape(0) : 1),
      inputs_(
          is_packed(layout.form) ? layout.panels.inputs : in[first].shape(-1)),
      outputs_(
          is_packed(layout.form) ? layout.panels.outputs
                                 : in[first].shape(-2)) {
  const size_t end = first + count_arrays(layout);
  for (size_t i = first; i < end; ++i) {
    parts_.push_back({RowMajor(in[i]), in[i].nbytes() / matrices_});
  }
  if (layout.biased) {
    bias_type_ = float_type(in[end - 1].dtype());
  }
}

const void* WeightView::at(size_t part, int matrix) {
  return static_cast<const char*>(parts_[part].memory.data()) +
         parts_[part].matrix_bytes * matrix;
}

const void* WeightView::bias(int matrix) {
  return layout_.biased ? at(parts_.size() - 1, matrix) : nullptr;
}

PanelMatrix WeightView::panels(int matrix) {
  const float factor =
      layout_.globally_scaled
          ? *static_cast<const float*>(at(1, matrix)) / kGlobalScaleUnit
          : 1.0f;
  return {
      layout_.panels, static_cast<const uint8_t*>(at(0, matrix)), factor,
      bias(matrix), bias_type_};
}

DenseMatrix WeightView::dense(int matrix) {
  return {layout_.form,  inputs_,      outputs_,
          at(0, matrix), bias(matrix), bias_type_};
}

void WeightView::add_to(
    ProductBatch& batch, int matrix, const ProductRows& rows) {
  if (!is_packed(layout_.form)) {
    batch.add(dense(matrix), rows);
    return;
  }
  const bool rounded = layout_.activations == Activations::kInt8 &&
                       has_int8_kernel(layout_.form);
  batch.add(panels(matrix), rounded ? TileForm::kInt8 : TileForm::kFloat, rows);
}

} // namespace parallm
