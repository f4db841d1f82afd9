#include "kernels/linear/linear.h"

#include "base/check.h"
#include "kernels/float_type.h"
#include "kernels/linear/weight_operands.h"

namespace parallm {
namespace {

// inputs: x, then the weight's
class Linear : public CpuPrimitive {
 public:
  Linear(mx::Stream stream, const WeightLayout& layout)
      : CpuPrimitive(stream, "parallm::Linear"), layout_(layout) {}

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    allocate(out[0]);
    encoder(in, out).dispatch(
        [x = RowMajor(in[0]), x_type = float_type(in[0].dtype()),
         rows = in[0].shape(0), weight = WeightView(layout_, in, 1),
         y = out[0].data<char>(),
         out_type = float_type(out[0].dtype())]() mutable {
          ProductArgs args = weight.matrix(0);
          args.rows = rows;
          args.out = y;
          args.out_type = out_type;
          run(args, x_type, x.data());
        });
  }

 private:
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

  WeightLayout layout_;
};

mx::array launch(
    const mx::Stream& stream,
    const mx::array& x,
    const WeightOperands& weight,
    mx::Dtype out) {
  const auto& first = weight.arrays[0];
  PARALLM_CHECK(
      x.ndim() == 2 && first.ndim() == 2 &&
          x.shape(1) == weight_inputs(weight) && !weight.layout.globally_scaled,
      "linear of {} by {}", x.shape(-1), weight_inputs(weight));
  std::vector<mx::array> inputs{x};
  inputs.insert(inputs.end(), weight.arrays.begin(), weight.arrays.end());
  return mx::array(
      mx::Shape{x.shape(0), first.shape(0)}, out,
      std::make_shared<Linear>(stream, weight.layout), std::move(inputs));
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
  return on_cpu(stream) ? launch(stream, x, weight_operands(weight, bias), out)
                        : linear_reference(x, weight, bias, out);
}

mx::array linear(
    const mx::array& x,
    const QuantizedWeight& weight,
    const std::optional<mx::array>& bias,
    mx::Dtype out) {
  const auto stream = kernel_stream();
  return on_cpu(stream) ? launch(stream, x, weight_operands(weight, bias), out)
                        : linear_reference(x, weight, bias, out);
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
