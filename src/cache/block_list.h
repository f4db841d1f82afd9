#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "cache/block_pool.h"

namespace parallm {

// The blocks of one sequence, in the order of its positions. Gives them back
// when it dies. Engine thread only; the pool outlives it.
class BlockList {
 public:
  explicit BlockList(BlockPool& pool) : pool_(&pool) {}
  BlockList(BlockList&& other) noexcept
      : pool_(other.pool_), ids_(std::exchange(other.ids_, {})) {}
  BlockList& operator=(BlockList&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(ids_, other.ids_);
    return *this;
  }
  ~BlockList() { clear(); }

  const std::vector<BlockId>& ids() const { return ids_; }
  int size() const { return static_cast<int>(ids_.size()); }
  int capacity_tokens() const { return size() * pool_->block_tokens(); }

  int missing_for(int tokens) const {
    return std::max(0, pool_->blocks_for(tokens) - size());
  }

  // Grows to hold `tokens` positions. False, and nothing taken, if the pool
  // cannot spare enough blocks.
  [[nodiscard]] bool reserve(int tokens) {
    const int missing = missing_for(tokens);
    if (missing > pool_->available_blocks()) {
      return false;
    }
    for (int i = 0; i < missing; ++i) {
      ids_.push_back(pool_->take());
    }
    return true;
  }

  // Appends a block that has a key, held by others or by nobody.
  void share(BlockId block) {
    pool_->share(block);
    ids_.push_back(block);
  }

  // Last first: of a prefix nobody holds, the end is evicted before the
  // beginning, without which the end is worth nothing.
  void clear() {
    while (!ids_.empty()) {
      pool_->give_back(ids_.back());
      ids_.pop_back();
    }
  }

 private:
  BlockPool* pool_;
  std::vector<BlockId> ids_;
};

} // namespace parallm
