#include "kernels/experts/expert_groups.h"

#include <numeric>

#include "base/check.h"

namespace parallm {

// Sorted by counting.
ExpertGroups::ExpertGroups(std::span<const int32_t> ids, int experts)
    : begins_(experts + 1), rows_(ids.size()) {
  for (const int32_t id : ids) {
    PARALLM_CHECK(id >= 0 && id < experts, "expert {} of {}", id, experts);
    ++begins_[id + 1];
  }
  std::partial_sum(begins_.begin(), begins_.end(), begins_.begin());
  std::vector<int> next = begins_;
  for (size_t row = 0; row < ids.size(); ++row) {
    rows_[next[ids[row]]++] = static_cast<int>(row);
  }
}

} // namespace parallm
