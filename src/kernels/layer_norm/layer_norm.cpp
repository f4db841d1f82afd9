#include "kernels/layer_norm/layer_norm.h"

#include "base/check.h"
#include "kernels/cpu_primitive.h"
#include "kernels/float_type.h"
#include "kernels/layer_norm/layer_rows.h"
#include "kernels/parts.h"

namespace parallm {
namespace {

// inputs: x, then the weight and the bias that there are
class LayerNorm : public CpuPrimitive {
 public:
  struct Options {
    float eps = 0;
    bool has_weight = false;
    bool has_bias = false;
  };

  LayerNorm(mx::Stream stream, const Options& options)
      : CpuPrimitive(stream, "parallm::LayerNorm"), options_(options) {}

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    allocate(out[0]);
    std::vector<RowMajor> arrays(in.begin(), in.end());
    encoder(in, out).dispatch([rows = rows(in, out[0]), options = options_,
                               count = in[0].shape(0),
                               arrays = std::move(arrays)]() mutable {
      rows.x.first = arrays[0].data();
      rows.weight.first = options.has_weight ? arrays[1].data() : nullptr;
      rows.bias.first = options.has_bias ? arrays.back().data() : nullptr;
      in_row_parts(count, rows.width, [&](size_t first, size_t end) {
        layer_rows(rows, first, end);
      });
    });
  }

 private:
  LayerRows rows(const std::vector<mx::array>& in, mx::array& out) const {
    // What is absent gets a type that nobody reads.
    return {
        .width = in[0].shape(1),
        .eps = options_.eps,
        .x = {nullptr, float_type(in[0].dtype())},
        .weight = {nullptr, float_type(in[options_.has_weight].dtype())},
        .bias = {nullptr, float_type(in.back().dtype())},
        .out = out.data<char>()};
  }

  Options options_;
};

} // namespace

mx::array layer_norm(
    const mx::array& x,
    const std::optional<mx::array>& weight,
    const std::optional<mx::array>& bias,
    float eps) {
  const auto stream = kernel_stream();
  if (!on_cpu(stream)) {
    return layer_norm_reference(x, weight, bias, eps);
  }
  std::vector<mx::array> in{x};
  for (const auto& part : {weight, bias}) {
    if (part) {
      PARALLM_CHECK(
          x.ndim() == 2 && part->shape() == mx::Shape{x.shape(1)},
          "norm of width {}", x.shape(-1));
      in.push_back(*part);
    }
  }
  const LayerNorm::Options options{eps, weight.has_value(), bias.has_value()};
  return mx::array(
      x.shape(), x.dtype(), std::make_shared<LayerNorm>(stream, options),
      std::move(in));
}

mx::array layer_norm_reference(
    const mx::array& x,
    const std::optional<mx::array>& weight,
    const std::optional<mx::array>& bias,
    float eps) {
  const auto as_x = [&](const std::optional<mx::array>& part) {
    return part ? std::optional(mx::astype(*part, x.dtype())) : std::nullopt;
  };
  return mx::fast::layer_norm(x, as_x(weight), as_x(bias), eps);
}

} // namespace parallm
