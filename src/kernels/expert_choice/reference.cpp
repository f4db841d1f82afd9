#include <limits>
#include <vector>

#include "kernels/expert_choice/expert_choice.h"

namespace parallm {
namespace {

using Score = ChoiceRule::Score;

constexpr float kNever = -std::numeric_limits<float>::infinity();

mx::array row_softmax(const mx::array& x) {
  return mx::softmax(x, -1, /* precise */ true);
}

// The k best of each row, the best first; (T, k) int32.
mx::array best(const mx::array& scores, int k) {
  const auto order = mx::argsort(mx::negative(scores), -1);
  return mx::astype(
      mx::slice(order, mx::Shape{0, 0}, mx::Shape{scores.shape(0), k}),
      mx::int32);
}

mx::array picked(const mx::array& scores, const mx::array& ids) {
  return mx::take_along_axis(scores, ids, -1);
}

// What a group counts: its best, or its best two together. (T, groups, 1)
mx::array group_scores(const mx::array& grouped, bool best_two) {
  return best_two ? mx::sum(mx::topk(grouped, 2, -1), -1, true)
                  : mx::max(grouped, -1, true);
}

// 0 for the experts of all groups but the best ones.
mx::array without_other_groups(
    const mx::array& scores, const ChoiceRule& rule) {
  const int tokens = scores.shape(0);
  const int dropped = rule.groups - rule.groups_kept;
  if (dropped == 0) {
    return scores;
  }
  const auto grouped = mx::reshape(scores, {tokens, rule.groups, -1});
  const auto order =
      mx::argpartition(group_scores(grouped, rule.best_two), dropped - 1, -2);
  const auto worst =
      mx::slice(order, mx::Shape{0, 0, 0}, mx::Shape{tokens, dropped, 1});
  return mx::reshape(
      mx::put_along_axis(
          grouped, mx::broadcast_to(worst, {tokens, dropped, grouped.shape(2)}),
          mx::array(0.0f), -2),
      scores.shape());
}

// One after the other, each against those within a band of the best left: the
// inference of SparseMixer (Liu et al. 2023, arXiv 2310.00811), as PhiMoE has
// it.
ExpertChoice sparse_mixer(const mx::array& scores, int k, float band) {
  std::vector<mx::array> ids, shares;
  auto left = scores;
  for (int i = 0; i < k; ++i) {
    const auto top = mx::max(left, -1, true);
    const auto id = mx::astype(mx::argmax(left, -1, true), mx::int32);
    const auto far = (top - scores) / mx::maximum(mx::abs(scores), top) >
                     mx::array(2 * band);
    shares.push_back(
        picked(row_softmax(mx::where(far, mx::array(kNever), left)), id));
    ids.push_back(id);
    left = mx::put_along_axis(left, id, mx::array(kNever), -1);
  }
  return {mx::concatenate(ids, -1), mx::concatenate(shares, -1)};
}

mx::array normalized(const mx::array& shares) {
  return shares / (mx::sum(shares, -1, true) + mx::array(kLeastShareSum));
}

} // namespace

ExpertChoice choose_experts_reference(
    const mx::array& gates,
    const std::optional<mx::array>& correction,
    int k,
    const ChoiceRule& rule) {
  if (rule.score == Score::kSparseMixer) {
    return sparse_mixer(gates, k, rule.band);
  }
  if (rule.score == Score::kSoftmaxOfChosen) {
    const auto ids = best(gates, k);
    return {ids, row_softmax(picked(gates, ids))};
  }
  const auto scores =
      rule.score == Score::kSigmoid ? mx::sigmoid(gates) : row_softmax(gates);
  const auto ids = best(
      without_other_groups(correction ? scores + *correction : scores, rule),
      k);
  const auto shares = picked(scores, ids);
  return {
      ids,
      (rule.normalize ? normalized(shares) : shares) * mx::array(rule.scale)};
}

} // namespace parallm
