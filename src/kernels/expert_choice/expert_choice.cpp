#include "kernels/expert_choice/expert_choice.h"

#include "base/check.h"
#include "kernels/cpu_primitive.h"
#include "kernels/expert_choice/choice_rows.h"
#include "kernels/parts.h"

namespace parallm {
namespace {

// inputs: gates and, if there is one, the correction
class ChooseExperts : public CpuPrimitive {
 public:
  ChooseExperts(mx::Stream stream, int k, const ChoiceRule& rule)
      : CpuPrimitive(stream, "parallm::ChooseExperts"), k_(k), rule_(rule) {}

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    allocate(out[0]);
    allocate(out[1]);
    ChoiceRows rows{
        .rule = rule_,
        .experts = in[0].shape(1),
        .per_token = k_,
        .ids = out[0].data<int32_t>(),
        .shares = out[1].data<float>()};
    std::vector<RowMajor> arrays(in.begin(), in.end());
    encoder(in, out).dispatch([rows, tokens = in[0].shape(0),
                               arrays = std::move(arrays)]() mutable {
      rows.gates = static_cast<const float*>(arrays[0].data());
      rows.correction = arrays.size() > 1
                            ? static_cast<const float*>(arrays[1].data())
                            : nullptr;
      // Each choice looks at all experts.
      const size_t looks = static_cast<size_t>(rows.experts) * rows.per_token;
      in_row_parts(tokens, looks, [&](size_t first, size_t end) {
        choose_rows(rows, first, end);
      });
    });
  }

 private:
  int k_;
  ChoiceRule rule_;
};

void expect_fitting(
    const std::vector<mx::array>& in, int k, const ChoiceRule& rule) {
  const auto& gates = in[0];
  PARALLM_CHECK(
      gates.ndim() == 2 && gates.dtype() == mx::float32 && k > 0 &&
          k <= gates.shape(1),
      "{} experts of {} gates", k, gates.size());
  PARALLM_CHECK(
      in.size() == 1 || (in[1].shape() == mx::Shape{gates.shape(1)} &&
                         in[1].dtype() == mx::float32),
      "a correction of {} scores", in.back().size());
  PARALLM_CHECK(
      rule.groups_kept > 0 && rule.groups_kept <= rule.groups &&
          gates.shape(1) % rule.groups == 0 &&
          (!rule.best_two || rule.groups == 1 ||
           gates.shape(1) >= 2 * rule.groups),
      "{} groups of {} experts", rule.groups, gates.shape(1));
}

} // namespace

ExpertChoice choose_experts(
    const mx::array& gates,
    const std::optional<mx::array>& correction,
    int k,
    const ChoiceRule& rule) {
  const auto stream = kernel_stream();
  if (!on_cpu(stream)) {
    return choose_experts_reference(gates, correction, k, rule);
  }
  std::vector<mx::array> in{gates};
  if (correction) {
    in.push_back(*correction);
  }
  expect_fitting(in, k, rule);
  const mx::Shape shape{gates.shape(0), k};
  const auto out = mx::array::make_arrays(
      {shape, shape}, {mx::int32, mx::float32},
      std::make_shared<ChooseExperts>(stream, k, rule), in);
  return {out[0], out[1]};
}

} // namespace parallm
