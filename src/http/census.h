#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <vector>

namespace parallm::http {

// Who is connected, by shard. Any thread.
class Census {
 public:
  explicit Census(int shards);

  // The shard with the fewest connections, which now has one more.
  int enter_least();
  void leave(int shard);
  int total() const;
  // Blocks. False: some were left at the deadline.
  bool wait_until_empty(std::chrono::steady_clock::time_point deadline) const;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable emptied_;
  std::vector<int> counts_;
  int total_ = 0;
};

} // namespace parallm::http
