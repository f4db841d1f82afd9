#include "runner/step_tokens.h"

#include "base/check.h"

namespace parallm {
namespace {

mx::array list(const std::vector<int32_t>& values) {
  const auto count = static_cast<int>(values.size());
  return mx::array(values.begin(), mx::Shape{count}, mx::int32);
}

} // namespace

void StepTokens::add(TokenId token) {
  sources_.push_back({false, token});
}

void StepTokens::add_pending(int row) {
  sources_.push_back({true, row});
  ++pending_;
}

mx::array StepTokens::array(const std::optional<mx::array>& ids) const {
  if (pending_ > 0) {
    PARALLM_CHECK(ids, "the step before has no tokens");
    return joined(*ids);
  }
  std::vector<int32_t> tokens;
  tokens.reserve(sources_.size());
  for (const Source& source : sources_) {
    tokens.push_back(source.value);
  }
  return list(tokens);
}

// The same rows as before, in the same order: steady decoding.
bool StepTokens::is_all_of(const mx::array& ids) const {
  if (pending_ != size() || size() != ids.shape(0)) {
    return false;
  }
  for (int i = 0; i < size(); ++i) {
    if (sources_[static_cast<size_t>(i)].value != i) {
      return false;
    }
  }
  return true;
}

mx::array StepTokens::joined(const mx::array& ids) const {
  if (is_all_of(ids)) {
    return ids;
  }
  std::vector<int32_t> known, places;
  for (const Source& source : sources_) {
    if (source.pending) {
      places.push_back(source.value);
    } else {
      places.push_back(ids.shape(0) + static_cast<int32_t>(known.size()));
      known.push_back(source.value);
    }
  }
  const mx::array pool =
      known.empty() ? ids : mx::concatenate({ids, list(known)});
  return mx::take(pool, list(places));
}

} // namespace parallm
