#pragma once

#include <utility>
#include <vector>

#include "base/check.h"
#include "core/types.h"

namespace parallm {

struct ShardEvents {
  int shard = 0;
  StepEvents events{};
};

// Gathers events, one list per shard, in the order in which things happened
// (rule event.order). Engine thread only.
class Outbox {
 public:
  void put(int shard, TokenEvent event) {
    PARALLM_CHECK(shard >= 0, "shard {}", shard);
    if (size_t(shard) >= shards_.size()) {
      shards_.resize(size_t(shard) + 1);
    }
    shards_[size_t(shard)].push_back(std::move(event));
  }

  // All that has gathered; shards without events are left out.
  std::vector<ShardEvents> take() {
    std::vector<ShardEvents> taken;
    for (size_t shard = 0; shard < shards_.size(); ++shard) {
      if (!shards_[shard].empty()) {
        const size_t likely = shards_[shard].size(); // next time as well
        taken.push_back(
            {static_cast<int>(shard), std::exchange(shards_[shard], {})});
        shards_[shard].reserve(likely);
      }
    }
    return taken;
  }

 private:
  std::vector<StepEvents> shards_;
};

} // namespace parallm
