#include "sampling/sampled_step.h"

#include <algorithm>
#include <numeric>

#include "sampling/token_scores.h"

namespace parallm {
namespace {

std::shared_ptr<const DrawRows> take_draws(std::vector<SampleRow>& rows) {
  auto draws = std::make_shared<DrawRows>();
  draws->reserve(rows.size());
  for (SampleRow& row : rows) {
    row.draw.wants_processed =
        row.logprobs >= 0 && row.mode == LogprobsMode::kProcessed;
    draws->push_back(std::move(row.draw));
  }
  return draws;
}

int most_alternatives(const std::vector<SampleRow>& rows) {
  int most = 1; // arrays of width 0 are no use
  for (const SampleRow& row : rows) {
    most = std::max(most, row.logprobs);
  }
  return most;
}

bool any_asks(const std::vector<SampleRow>& rows) {
  return std::any_of(rows.begin(), rows.end(), [](const SampleRow& row) {
    return row.logprobs >= 0;
  });
}

} // namespace

SampledStep::SampledStep(const mx::array& logits, std::vector<SampleRow> rows)
    : draws_(draw(logits, take_draws(rows))) {
  if (any_asks(rows)) {
    score_rows(logits, rows);
  }
}

// The rows that ask for this mode, and remembers their places.
std::vector<int32_t> SampledStep::place_rows(
    const std::vector<SampleRow>& rows, LogprobsMode mode) {
  std::vector<int32_t> asking;
  for (size_t r = 0; r < rows.size(); ++r) {
    if (rows[r].logprobs >= 0 && rows[r].mode == mode) {
      places_[r] = {mode, static_cast<int>(asking.size()), rows[r].logprobs};
      asking.push_back(static_cast<int32_t>(r));
    }
  }
  return asking;
}

void SampledStep::score_rows(
    const mx::array& logits, const std::vector<SampleRow>& rows) {
  places_.resize(rows.size());
  const int alternatives = most_alternatives(rows);
  if (auto asking = place_rows(rows, LogprobsMode::kRaw); !asking.empty()) {
    raw_ = score(logits, draws_.ids, std::move(asking), alternatives);
  }
  auto asking = place_rows(rows, LogprobsMode::kProcessed);
  if (!asking.empty()) {
    const int count = static_cast<int>(asking.size());
    const mx::array ids = mx::take(
        draws_.ids, mx::array(asking.begin(), mx::Shape{count}, mx::int32));
    std::iota(asking.begin(), asking.end(), 0);
    processed_ = score(*draws_.processed, ids, std::move(asking), alternatives);
  }
}

std::vector<mx::array> SampledStep::arrays() const {
  std::vector<mx::array> arrays{draws_.ids, draws_.status};
  if (raw_) {
    add_arrays(*raw_, arrays);
  }
  if (processed_) {
    add_arrays(*processed_, arrays);
  }
  return arrays;
}

TokenId SampledStep::id(int row) const {
  return draws_.ids.data<int32_t>()[row];
}

std::string SampledStep::error(int row) const {
  switch (static_cast<DrawStatus>(draws_.status.data<int32_t>()[row])) {
    case DrawStatus::kDrawn:
      return {};
    case DrawStatus::kNothingLeft:
      return "the masks have left no token to choose";
    case DrawStatus::kNotFinite:
      break;
  }
  return "the model's logits are not finite";
}

bool SampledStep::unsatisfiable(int row) const {
  return static_cast<DrawStatus>(draws_.status.data<int32_t>()[row]) ==
         DrawStatus::kNothingLeft;
}

std::optional<TokenLogprobs> SampledStep::logprobs(int row) const {
  if (places_.empty() || places_[static_cast<size_t>(row)].index < 0) {
    return std::nullopt;
  }
  const Place& place = places_[static_cast<size_t>(row)];
  const Scores& scores = place.mode == LogprobsMode::kRaw ? *raw_ : *processed_;
  return read_score(scores, place.index, place.alternatives);
}

} // namespace parallm
