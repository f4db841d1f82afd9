#include "kernels/linear/linear.h"

#include <deque>

#include "base/check.h"
#include "kernels/linear/strided_rows.h"
#include "kernels/linear/weight_operands.h"

namespace parallm {
namespace {

// One weight of several, and where its product goes.
struct Product {
  WeightView weight;
  StridedRows out;
};

// inputs: x, then those of each weight; outputs: a product of each
class Linear : public CpuPrimitive {
 public:
  Linear(mx::Stream stream, std::vector<WeightLayout> layouts)
      : CpuPrimitive(stream, "parallm::Linear"), layouts_(std::move(layouts)) {}

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    std::vector<Product> products;
    size_t first = 1;
    for (size_t i = 0; i < out.size(); ++i) {
      allocate(out[i]);
      const WeightView weight(layouts_[i], in, first);
      first += weight.arrays();
      products.push_back({weight, StridedRows(out[i])});
    }
    encoder(in, out).dispatch([x = RowMajor(in[0]), rows = StridedRows(in[0]),
                               products = std::move(products)]() mutable {
      const auto from = rows.of(x.data());
      ProductBatch batch;
      std::deque<std::vector<void*>> to;
      for (auto& [weight, out] : products) {
        to.push_back(out.rows());
        weight.add_to(
            batch, 0,
            {{from, rows.type(), rows.width()}, to.back().data(), out.type()});
      }
      batch.run();
    });
  }

 private:
  std::vector<WeightLayout> layouts_;
};

void expect_fit(const mx::array& x, const WeightOperands& weight) {
  PARALLM_CHECK(
      x.ndim() == 2 && weight.arrays[0].ndim() == 2 &&
          x.shape(1) == weight.inputs && !weight.layout.globally_scaled,
      "linear of {} by {}", x.shape(-1), weight.inputs);
}

std::vector<mx::array> launch(
    const mx::Stream& stream,
    const mx::array& x,
    const std::vector<WeightOperands>& weights,
    mx::Dtype out) {
  std::vector<mx::array> inputs{x};
  std::vector<WeightLayout> layouts;
  std::vector<mx::Shape> shapes;
  for (const auto& weight : weights) {
    expect_fit(x, weight);
    inputs.insert(inputs.end(), weight.arrays.begin(), weight.arrays.end());
    layouts.push_back(weight.layout);
    shapes.push_back({x.shape(0), weight.outputs});
  }
  return mx::array::make_arrays(
      std::move(shapes), std::vector<mx::Dtype>(weights.size(), out),
      std::make_shared<Linear>(stream, std::move(layouts)), inputs);
}

mx::array wide(const mx::array& x) {
  return mx::astype(x, mx::float32);
}

mx::array with_bias(
    const mx::array& y, const std::optional<mx::array>& bias, mx::Dtype out) {
  return mx::astype(bias ? y + wide(*bias) : y, out);
}

mx::array reference(
    const mx::array& x, const LinearWeight& weight, mx::Dtype out) {
  if (const auto* dense = std::get_if<mx::array>(&weight.weight)) {
    return linear_reference(x, *dense, weight.bias, out);
  }
  const auto* packed = std::get_if<QuantizedWeight>(&weight.weight);
  PARALLM_CHECK(
      packed != nullptr, "panels of {} outputs",
      std::get<PanelWeight>(weight.weight).layout.outputs);
  return linear_reference(x, *packed, weight.bias, out);
}

std::vector<mx::array> references(
    const mx::array& x,
    const std::vector<LinearWeight>& weights,
    mx::Dtype out) {
  std::vector<mx::array> results;
  for (const auto& weight : weights) {
    results.push_back(reference(x, weight, out));
  }
  return results;
}

} // namespace

mx::array linear(
    const mx::array& x,
    const mx::array& weight,
    const std::optional<mx::array>& bias,
    mx::Dtype out) {
  return linear_group(x, {{weight, bias}}, out)[0];
}

mx::array linear(
    const mx::array& x,
    const QuantizedWeight& weight,
    const std::optional<mx::array>& bias,
    mx::Dtype out) {
  return linear_group(x, {{weight, bias}}, out)[0];
}

mx::array linear(
    const mx::array& x,
    const PanelWeight& weight,
    const std::optional<mx::array>& bias,
    mx::Dtype out) {
  return linear_group(x, {{weight, bias}}, out)[0];
}

std::vector<mx::array> linear_group(
    const mx::array& x,
    const std::vector<LinearWeight>& weights,
    mx::Dtype out) {
  const auto stream = kernel_stream();
  if (!on_cpu(stream)) {
    return references(x, weights, out);
  }
  std::vector<WeightOperands> operands;
  for (const auto& [weight, bias] : weights) {
    operands.push_back(std::visit(
        [&](const auto& arrays) { return weight_operands(arrays, bias); },
        weight));
  }
  return launch(stream, x, operands, out);
}

mx::array linear_reference(
    const mx::array& x,
    const mx::array& weight,
    const std::optional<mx::array>& bias,
    mx::Dtype out) {
  return with_bias(mx::matmul(wide(x), mx::transpose(wide(weight))), bias, out);
}

mx::array linear_reference(
    const mx::array& x,
    const QuantizedWeight& weight,
    const std::optional<mx::array>& bias,
    mx::Dtype out) {
  const bool affine = weight.mode == QuantMode::kAffine;
  return with_bias(
      mx::quantized_matmul(
          wide(x), weight.packed, affine ? wide(weight.scales) : weight.scales,
          affine ? std::optional(wide(*weight.biases)) : std::nullopt, true,
          weight.group_size, weight.bits, name_of(weight.mode)),
      bias, out);
}

} // namespace parallm
