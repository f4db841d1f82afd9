#include "http/census.h"

#include <algorithm>

namespace parallm::http {

Census::Census(int shards) : counts_(static_cast<size_t>(shards)) {
}

int Census::enter_least() {
  std::lock_guard lock(mutex_);
  const auto least = std::min_element(counts_.begin(), counts_.end());
  ++*least;
  ++total_;
  return static_cast<int>(least - counts_.begin());
}

void Census::leave(int shard) {
  std::lock_guard lock(mutex_);
  --counts_[static_cast<size_t>(shard)];
  if (--total_ == 0) {
    emptied_.notify_all();
  }
}

int Census::total() const {
  std::lock_guard lock(mutex_);
  return total_;
}

bool Census::wait_until_empty(
    std::chrono::steady_clock::time_point deadline) const {
  std::unique_lock lock(mutex_);
  return emptied_.wait_until(lock, deadline, [&] { return total_ == 0; });
}

} // namespace parallm::http
