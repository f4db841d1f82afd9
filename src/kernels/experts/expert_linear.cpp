#include "kernels/experts/expert_linear.h"

#include "base/check.h"
#include "kernels/experts/expert_groups.h"
#include "kernels/linear/strided_rows.h"
#include "kernels/linear/weight_operands.h"

namespace parallm {
namespace {

// The rows of each expert that has any, and where its products go.
struct Visits {
  std::vector<const void*> x;
  std::vector<void*> out;
};

// sharers: rows of the output that one of x serves
std::vector<Visits> visits_of(
    const ExpertGroups& groups,
    int experts,
    const std::vector<const void*>& x,
    const std::vector<void*>& out,
    int sharers) {
  std::vector<Visits> visits(experts);
  for (int expert = 0; expert < experts; ++expert) {
    for (const int row : groups.rows(expert)) {
      visits[expert].x.push_back(x[row / sharers]);
      visits[expert].out.push_back(out[row]);
    }
  }
  return visits;
}

// inputs: x, ids, then the weight's
class ExpertLinear : public CpuPrimitive {
 public:
  ExpertLinear(mx::Stream stream, const WeightLayout& layout)
      : CpuPrimitive(stream, "parallm::ExpertLinear"), layout_(layout) {}

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    allocate(out[0]);
    encoder(in, out).dispatch([x = RowMajor(in[0]), x_rows = StridedRows(in[0]),
                               ids = RowMajor(in[1]), count = in[1].size(),
                               sharers = in[0].ndim() == 2 ? in[1].shape(1) : 1,
                               weight = WeightView(layout_, in, 2),
                               out_rows = StridedRows(out[0])]() mutable {
      const ExpertGroups groups(
          {static_cast<const int32_t*>(ids.data()), count}, weight.matrices());
      const auto visits = visits_of(
          groups, weight.matrices(), x_rows.of(x.data()), out_rows.rows(),
          sharers);
      ProductBatch batch;
      for (int expert = 0; expert < weight.matrices(); ++expert) {
        if (!visits[expert].x.empty()) {
          weight.add_to(
              batch, expert,
              {{visits[expert].x, x_rows.type(), x_rows.width()},
               visits[expert].out.data(),
               out_rows.type()});
        }
      }
      batch.run();
    });
  }

 private:
  WeightLayout layout_;
};

void expect_fitting(
    const mx::array& x, const mx::array& ids, const WeightOperands& weight) {
  const auto& first = weight.arrays[0];
  PARALLM_CHECK(
      first.ndim() == 3 && x.shape(-1) == weight.inputs,
      "expert product of {} by {}", x.shape(-1), weight.inputs);
  PARALLM_CHECK(
      ids.ndim() == 2 && ids.dtype() == mx::int32 &&
          (x.ndim() == 2 || (x.ndim() == 3 && x.shape(1) == ids.shape(1))) &&
          x.shape(0) == ids.shape(0),
      "{} ids of experts for {} numbers", ids.size(), x.size());
}

mx::array launch(
    const mx::array& x,
    const mx::array& ids,
    const WeightOperands& weight,
    mx::Dtype out) {
  expect_fitting(x, ids, weight);
  std::vector<mx::array> inputs{x, ids};
  inputs.insert(inputs.end(), weight.arrays.begin(), weight.arrays.end());
  return mx::array(
      mx::Shape{ids.shape(0), ids.shape(1), weight.outputs}, out,
      std::make_shared<ExpertLinear>(kernel_stream(), weight.layout),
      std::move(inputs));
}

template <class Weight>
mx::array launch_or_reference(
    const mx::array& x,
    const mx::array& ids,
    const Weight& weight,
    const std::optional<mx::array>& bias,
    mx::Dtype out) {
  return on_cpu(kernel_stream())
             ? launch(x, ids, weight_operands(weight, bias), out)
             : expert_linear_reference(x, ids, weight, bias, out);
}

mx::array wide(const mx::array& x) {
  return mx::astype(x, mx::float32);
}

// (T, 1, 1, K) or (T, k, 1, K)
mx::array matrices_of(const mx::array& x) {
  return mx::expand_dims(wide(x.ndim() == 2 ? mx::expand_dims(x, 1) : x), 2);
}

// y (T, k, 1, N)
mx::array with_bias(
    const mx::array& y,
    const mx::array& ids,
    const std::optional<mx::array>& bias,
    mx::Dtype out) {
  const auto rows = mx::squeeze(y, 2);
  return mx::astype(bias ? rows + wide(mx::take(*bias, ids, 0)) : rows, out);
}

} // namespace

mx::array expert_linear(
    const mx::array& x,
    const mx::array& ids,
    const mx::array& weight,
    const std::optional<mx::array>& bias,
    mx::Dtype out) {
  return launch_or_reference(x, ids, weight, bias, out);
}

mx::array expert_linear(
    const mx::array& x,
    const mx::array& ids,
    const QuantizedWeight& weight,
    const std::optional<mx::array>& bias,
    mx::Dtype out) {
  return launch_or_reference(x, ids, weight, bias, out);
}

mx::array expert_linear(
    const mx::array& x,
    const mx::array& ids,
    const PanelWeight& weight,
    const std::optional<mx::array>& bias,
    mx::Dtype out) {
  return launch(x, ids, weight_operands(weight, bias), out);
}

mx::array expert_linear_reference(
    const mx::array& x,
    const mx::array& ids,
    const mx::array& weight,
    const std::optional<mx::array>& bias,
    mx::Dtype out) {
  const auto transposed = mx::swapaxes(wide(weight), -1, -2);
  return with_bias(
      mx::gather_mm(matrices_of(x), transposed, std::nullopt, ids), ids, bias,
      out);
}

// MLX knows global scales on GPUs only, so that they come after the product.
mx::array expert_linear_reference(
    const mx::array& x,
    const mx::array& ids,
    const QuantizedWeight& weight,
    const std::optional<mx::array>& bias,
    mx::Dtype out) {
  const bool affine = weight.mode == QuantMode::kAffine;
  auto y = mx::gather_qmm(
      matrices_of(x), weight.packed,
      affine ? wide(weight.scales) : weight.scales,
      affine ? std::optional(wide(*weight.biases)) : std::nullopt, std::nullopt,
      ids, true, weight.group_size, weight.bits, name_of(weight.mode));
  if (weight.global_scale) {
    const auto factors = *weight.global_scale / mx::array(kGlobalScaleUnit);
    y = y * mx::expand_dims(mx::take(factors, ids, 0), {2, 3});
  }
  return with_bias(y, ids, bias, out);
}

} // namespace parallm
