#include "runner/prompt_scorer.h"

#include <algorithm>
#include <numeric>

#include "sampling/token_scores.h"

namespace parallm {
namespace {

constexpr int kMostRows = 256;
constexpr int64_t kMostBytes = int64_t{64} << 20; // of one slice's logits

size_t rows_per_slice(int vocab) {
  const int64_t row_bytes = int64_t{vocab} * sizeof(float);
  return static_cast<size_t>(
      std::clamp<int64_t>(kMostBytes / row_bytes, 1, kMostRows));
}

template <class Field>
mx::array column(std::span<const PromptTarget> slice, Field field) {
  std::vector<int32_t> values;
  values.reserve(slice.size());
  for (const PromptTarget& target : slice) {
    values.push_back(field(target));
  }
  return mx::array(
      values.begin(), mx::Shape{static_cast<int>(slice.size())}, mx::int32);
}

Scores score_slice(
    const Model& model,
    const mx::array& hidden,
    std::span<const PromptTarget> slice) {
  const auto places = column(slice, [](auto& t) { return t.place; });
  const auto logits =
      mx::astype(model.logits(mx::take(hidden, places, 0)), mx::float32);
  std::vector<int32_t> rows(slice.size());
  std::iota(rows.begin(), rows.end(), 0);
  int alternatives = 1;
  for (const PromptTarget& target : slice) {
    alternatives = std::max(alternatives, target.alternatives);
  }
  return score(
      logits, column(slice, [](auto& t) { return t.token; }), std::move(rows),
      alternatives);
}

} // namespace

std::vector<TokenLogprobs> score_prompt(
    const Model& model,
    const mx::array& hidden,
    std::span<const PromptTarget> targets) {
  std::vector<TokenLogprobs> result;
  result.reserve(targets.size());
  const size_t width = rows_per_slice(model.shape().vocab);
  for (size_t first = 0; first < targets.size(); first += width) {
    const auto slice =
        targets.subspan(first, std::min(width, targets.size() - first));
    const Scores scores = score_slice(model, hidden, slice);
    std::vector<mx::array> arrays;
    add_arrays(scores, arrays);
    mx::eval(arrays);
    for (size_t i = 0; i < slice.size(); ++i) {
      result.push_back(
          read_score(scores, static_cast<int>(i), slice[i].alternatives));
    }
  }
  return result;
}

} // namespace parallm
