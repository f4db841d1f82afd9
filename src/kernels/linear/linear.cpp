#include "kernels/linear/linear.h"

#include "base/check.h"
#include "kernels/float_type.h"
#include "kernels/linear/weight_operands.h"

namespace parallm {
namespace {

// Rows of x as float32, padded with zeros: themselves if they are that already.
class WideRows {
 public:
  WideRows(FloatType type, const void* x, int rows, int inputs)
      : rows_(static_cast<const float*>(x)) {
    const int padded = simd::round_up(inputs);
    if (type == FloatType::kF32 && padded == inputs) {
      return;
    }
    copy_.resize(static_cast<size_t>(rows) * padded);
    const size_t row_bytes = inputs * float_bytes(type);
    for (int row = 0; row < rows; ++row) {
      simd::load_row(
          type, copy_.data() + static_cast<size_t>(row) * padded,
          static_cast<const char*>(x) + row * row_bytes, inputs);
    }
    rows_ = copy_.data();
  }
  WideRows(const WideRows&) = delete;
  WideRows& operator=(const WideRows&) = delete;

  const float* data() const { return rows_; }

 private:
  const float* rows_;
  std::vector<float> copy_{};
};

// One weight of several, and where its product goes.
struct Product {
  WeightView weight;
  char* y;
  FloatType y_type;
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
      products.push_back(
          {weight, out[i].data<char>(), float_type(out[i].dtype())});
    }
    encoder(in, out).dispatch([x = RowMajor(in[0]),
                               x_type = float_type(in[0].dtype()),
                               rows = in[0].shape(0), inputs = in[0].shape(1),
                               products = std::move(products)]() mutable {
      const WideRows wide(x_type, x.data(), rows, inputs);
      for (auto& each : products) {
        ProductArgs args = each.weight.matrix(0);
        args.x = wide.data();
        args.rows = rows;
        args.out = each.y;
        args.out_type = each.y_type;
        product(args);
      }
    });
  }

 private:
  std::vector<WeightLayout> layouts_;
};

void expect_fit(const mx::array& x, const WeightOperands& weight) {
  PARALLM_CHECK(
      x.ndim() == 2 && weight.arrays[0].ndim() == 2 &&
          x.shape(1) == weight_inputs(weight) && !weight.layout.globally_scaled,
      "linear of {} by {}", x.shape(-1), weight_inputs(weight));
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
    shapes.push_back({x.shape(0), weight.arrays[0].shape(0)});
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

std::vector<mx::array> references(
    const mx::array& x,
    const std::vector<LinearWeight>& weights,
    mx::Dtype out) {
  std::vector<mx::array> results;
  for (const auto& [weight, bias] : weights) {
    results.push_back(std::visit(
        [&](const auto& arrays) {
          return linear_reference(x, arrays, bias, out);
        },
        weight));
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
