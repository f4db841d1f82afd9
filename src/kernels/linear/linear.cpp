#include "kernels/linear/linear.h"

#include "base/check.h"
#include "kernels/cpu_primitive.h"
#include "kernels/float_type.h"
#include "kernels/linear/product.h"

namespace parallm {
namespace {

// inputs: x, weight, then scales and biases if affine, then bias if any
class Linear : public CpuPrimitive {
 public:
  Linear(mx::Stream stream, WeightForm form, int group_size, bool biased)
      : CpuPrimitive(stream, "parallm::Linear"),
        form_(form),
        group_size_(group_size),
        biased_(biased) {}

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    allocate(out[0]);
    std::vector<RowMajor> operands(in.begin() + 1, in.end());
    encoder(in, out).dispatch([args = args(in, out[0]), x = RowMajor(in[0]),
                               x_type = float_type(in[0].dtype()), operands,
                               affine = affine(), biased = biased_]() mutable {
      args.weight = operands[0].data();
      args.scales = affine ? operands[1].data() : nullptr;
      args.biases = affine ? operands[2].data() : nullptr;
      args.bias = biased ? operands.back().data() : nullptr;
      run(args, x_type, x.data());
    });
  }

 private:
  bool affine() const {
    return form_ == WeightForm::kAffine4 || form_ == WeightForm::kAffine8;
  }

  ProductArgs args(const std::vector<mx::array>& in, mx::array& out) const {
    ProductArgs a;
    a.inputs = in[0].shape(-1);
    a.rows = static_cast<int>(in[0].size() / a.inputs);
    a.outputs = a.end_output = in[1].shape(0);
    a.form = form_;
    a.group_size = group_size_;
    a.scale_type = affine() ? float_type(in[2].dtype()) : FloatType::kF32;
    a.bias_type = biased_ ? float_type(in.back().dtype()) : FloatType::kF32;
    a.out = out.data<char>();
    a.out_type = float_type(out.dtype());
    return a;
  }

  // Rows are widened to float32 once, unless they are that already.
  static void run(ProductArgs& args, FloatType x_type, const void* x) {
    std::vector<float> wide;
    const int padded = simd::round_up(args.inputs);
    if (x_type == FloatType::kF32 && padded == args.inputs) {
      args.x = static_cast<const float*>(x);
    } else {
      wide.resize(static_cast<size_t>(args.rows) * padded);
      const size_t row_bytes = args.inputs * float_bytes(x_type);
      for (int row = 0; row < args.rows; ++row) {
        simd::load_row(
            x_type, wide.data() + static_cast<size_t>(row) * padded,
            static_cast<const char*>(x) + row * row_bytes, args.inputs);
      }
      args.x = wide.data();
    }
    product(args);
  }

  WeightForm form_;
  int group_size_;
  bool biased_;
};

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

mx::array wide(const mx::array& x) {
  return mx::astype(x, mx::float32);
}

mx::array with_bias(
    const mx::array& y, const std::optional<mx::array>& bias, mx::Dtype out) {
  return mx::astype(bias ? y + wide(*bias) : y, out);
}

} // namespace

mx::array linear(
    const mx::array& x,
    const mx::array& weight,
    const std::optional<mx::array>& bias,
    mx::Dtype out) {
  const auto stream = kernel_stream();
  if (!on_cpu(stream)) {
    return linear_reference(x, weight, bias, out);
  }
  PARALLM_CHECK(
      x.ndim() == 2 && x.shape(1) == weight.shape(1), "linear of {} by {}",
      x.shape(-1), weight.shape(1));
  std::vector<mx::array> inputs{x, weight};
  if (bias) {
    inputs.push_back(*bias);
  }
  return mx::array(
      mx::Shape{x.shape(0), weight.shape(0)}, out,
      std::make_shared<Linear>(
          stream, dense_form(weight.dtype()), 0, bias.has_value()),
      std::move(inputs));
}

mx::array linear(
    const mx::array& x,
    const QuantizedWeight& weight,
    const std::optional<mx::array>& bias,
    mx::Dtype out) {
  const auto stream = kernel_stream();
  if (!on_cpu(stream)) {
    return linear_reference(x, weight, bias, out);
  }
  PARALLM_CHECK(
      x.ndim() == 2 && (weight.bits == 4 || weight.bits == 8) &&
          x.shape(1) * weight.bits == weight.packed.shape(1) * 32 &&
          weight.scales.dtype() == weight.biases.dtype(),
      "quantised linear of {} by {} words", x.shape(-1),
      weight.packed.shape(1));
  std::vector<mx::array> inputs{x, weight.packed, weight.scales, weight.biases};
  if (bias) {
    inputs.push_back(*bias);
  }
  const auto form =
      weight.bits == 4 ? WeightForm::kAffine4 : WeightForm::kAffine8;
  return mx::array(
      mx::Shape{x.shape(0), weight.packed.shape(0)}, out,
      std::make_shared<Linear>(
          stream, form, weight.group_size, bias.has_value()),
      std::move(inputs));
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
  return with_bias(
      mx::quantized_matmul(
          wide(x), weight.packed, wide(weight.scales), wide(weight.biases),
          true, weight.group_size, weight.bits),
      bias, out);
}

} // namespace parallm
