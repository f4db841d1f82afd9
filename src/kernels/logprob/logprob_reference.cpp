#include <algorithm>
#include <limits>

#include "kernels/logprob/logprob.h"
#include "kernels/sample/sample_keys.h"

namespace parallm {
namespace {

mx::array impossible_as_number(const mx::array& logprobs) {
  return mx::where(
      mx::equal(logprobs, mx::array(-std::numeric_limits<float>::infinity())),
      mx::array(kImpossibleLogprob), logprobs);
}

// The K first ids of each row. (N, K); columns beyond V are -1
mx::array first_ids(const mx::array& values, int alternatives) {
  const int rows = values.shape(0);
  const int there = std::min(alternatives, values.shape(1));
  const mx::array sorted = mx::slice(
      mx::sort(order_keys(values), -1), mx::Shape{0, 0}, {rows, there});
  const mx::array ids = ids_of(sorted);
  const mx::array lost = mx::equal(
      mx::take_along_axis(values, ids, -1),
      mx::array(-std::numeric_limits<float>::infinity()));
  return mx::pad(
      mx::where(lost, mx::array(-1), ids), {{0, 0}, {0, alternatives - there}},
      mx::array(-1));
}

} // namespace

Scores score_reference(
    const mx::array& all_values,
    const mx::array& all_tokens,
    const std::vector<int32_t>& rows,
    int alternatives) {
  const mx::array which(
      rows.begin(), mx::Shape{static_cast<int>(rows.size())}, mx::int32);
  const mx::array values = mx::take(all_values, which, 0);
  const mx::array token = mx::expand_dims(mx::take(all_tokens, which, 0), -1);
  const mx::array largest = mx::max(values, -1, true);
  const mx::array log_total =
      mx::log(mx::sum(mx::exp(values - largest), -1, true));
  const auto logprob_at = [&](const mx::array& ids) {
    return impossible_as_number(
        (mx::take_along_axis(values, ids, -1) - largest) - log_total);
  };
  const mx::array keys = order_keys(values);
  const mx::array rank = mx::sum(
      mx::astype(
          mx::less_equal(keys, mx::take_along_axis(keys, token, -1)),
          mx::int32),
      -1);
  const mx::array top = first_ids(values, alternatives);
  const mx::array top_logprobs = mx::where(
      mx::less(top, mx::array(0)), mx::array(0.0f),
      logprob_at(mx::maximum(top, mx::array(0))));
  return {mx::squeeze(logprob_at(token), -1), rank, top, top_logprobs};
}

} // namespace parallm
