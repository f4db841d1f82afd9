#include "kernels/rms_norm/rms_norm.h"

#include <cmath>

#include "base/check.h"
#include "kernels/cpu_primitive.h"
#include "kernels/float_type.h"

namespace parallm {
namespace {

struct RmsNormArgs {
  const void* x;
  FloatType type;
  const void* weight;
  FloatType weight_type;
  void* out;
  int rows;
  int width;
  float eps;
};

PARALLM_INLINE void rms_norm_body(const RmsNormArgs& a) {
  const int padded = simd::round_up(a.width);
  std::vector<float> weight(padded), row(padded);
  simd::load_row(a.weight_type, weight.data(), a.weight, a.width);
  const size_t row_bytes = a.width * float_bytes(a.type);
  for (int r = 0; r < a.rows; ++r) {
    simd::load_row(
        a.type, row.data(), static_cast<const char*>(a.x) + r * row_bytes,
        a.width);
    simd::Floats squares = {}, v;
    for (int i = 0; i < padded; i += simd::kLanes) {
      std::memcpy(&v, &row[i], sizeof(v));
      squares += v * v;
    }
    const float mean = simd::sum(squares) / static_cast<float>(a.width);
    const float scale = 1.0f / std::sqrt(mean + a.eps);
    for (int i = 0; i < padded; ++i) {
      row[i] = row[i] * scale * weight[i];
    }
    store_row(
        a.type, static_cast<char*>(a.out) + r * row_bytes, row.data(), a.width);
  }
}

PARALLM_MULTIVERSION(rms_norm_rows, rms_norm_body, RmsNormArgs)

class RmsNorm : public CpuPrimitive {
 public:
  RmsNorm(mx::Stream stream, float eps)
      : CpuPrimitive(stream, "parallm::RmsNorm"), eps_(eps) {}

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    allocate(out[0]);
    RmsNormArgs args{
        .x = nullptr,
        .type = float_type(in[0].dtype()),
        .weight = nullptr,
        .weight_type = float_type(in[1].dtype()),
        .out = out[0].data<char>(),
        .rows = in[0].shape(0),
        .width = in[0].shape(1),
        .eps = eps_};
    encoder(in, out).dispatch(
        [args, x = RowMajor(in[0]), weight = RowMajor(in[1])]() mutable {
          args.x = x.data();
          args.weight = weight.data();
          rms_norm_rows(args);
        });
  }

 private:
  float eps_;
};

} // namespace

mx::array rms_norm(const mx::array& x, const mx::array& weight, float eps) {
  const auto stream = kernel_stream();
  if (!on_cpu(stream)) {
    return rms_norm_reference(x, weight, eps);
  }
  PARALLM_CHECK(
      x.ndim() == 2 && weight.shape() == mx::Shape{x.shape(1)},
      "norm of width {}", x.shape(-1));
  return mx::array(
      x.shape(), x.dtype(), std::make_shared<RmsNorm>(stream, eps),
      {x, weight});
}

mx::array rms_norm_reference(
    const mx::array& x, const mx::array& weight, float eps) {
  return mx::fast::rms_norm(x, mx::astype(weight, x.dtype()), eps);
}

} // namespace parallm
