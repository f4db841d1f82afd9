#include "kernels/expert_sum/expert_sum.h"

#include "base/check.h"
#include "kernels/cpu_primitive.h"
#include "kernels/expert_sum/shared_rows.h"
#include "kernels/float_type.h"
#include "kernels/parts.h"

namespace parallm {
namespace {

// inputs: y, shares
class ExpertSum : public CpuPrimitive {
 public:
  explicit ExpertSum(mx::Stream stream)
      : CpuPrimitive(stream, "parallm::ExpertSum") {}

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    allocate(out[0]);
    SharedRows rows{
        .type = float_type(in[0].dtype()),
        .experts = in[0].shape(1),
        .width = in[0].shape(2),
        .out = out[0].data<char>()};
    encoder(in, out).dispatch([rows, tokens = in[0].shape(0),
                               y = RowMajor(in[0]),
                               shares = RowMajor(in[1])]() mutable {
      rows.y = y.data();
      rows.shares = static_cast<const float*>(shares.data());
      const size_t numbers = static_cast<size_t>(rows.experts) * rows.width;
      in_row_parts(tokens, numbers, [&](size_t first, size_t end) {
        add_shared_rows(rows, first, end);
      });
    });
  }
};

} // namespace

mx::array expert_sum(const mx::array& y, const mx::array& shares) {
  PARALLM_CHECK(
      y.ndim() == 3 && shares.shape() == (mx::Shape{y.shape(0), y.shape(1)}) &&
          shares.dtype() == mx::float32,
      "{} shares of {} numbers", shares.size(), y.size());
  const auto stream = kernel_stream();
  if (!on_cpu(stream)) {
    return expert_sum_reference(y, shares);
  }
  return mx::array(
      {y.shape(0), y.shape(2)}, y.dtype(), std::make_shared<ExpertSum>(stream),
      {y, shares});
}

mx::array expert_sum_reference(const mx::array& y, const mx::array& shares) {
  return mx::astype(mx::sum(y * mx::expand_dims(shares, -1), -2), y.dtype());
}

} // namespace parallm
