#pragma once

#include <utility>
#include <vector>

#include "base/check.h"

namespace parallm {

// The places in the runner's slot table. Engine thread only.
class SlotPool {
 public:
  explicit SlotPool(int slots) : total_(slots) {
    PARALLM_CHECK(slots > 0, "{} slots", slots);
    for (int slot = slots - 1; slot >= 0; --slot) {
      free_.push_back(slot);
    }
  }
  int free_slots() const { return static_cast<int>(free_.size()); }
  int total_slots() const { return total_; }

 private:
  friend class Slot;
  int total_;
  std::vector<int> free_; // the last is taken first
};

// One place, or none. Gives it back when it dies; the pool outlives it.
class Slot {
 public:
  Slot() = default;
  explicit Slot(SlotPool& pool) : pool_(&pool) {
    PARALLM_CHECK(pool.free_slots() > 0, "no slot of {}", pool.total_slots());
    number_ = pool.free_.back();
    pool.free_.pop_back();
  }
  Slot(Slot&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)), number_(other.number_) {}
  Slot& operator=(Slot&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(number_, other.number_);
    return *this;
  }
  ~Slot() {
    if (held()) {
      pool_->free_.push_back(number_);
    }
  }

  bool held() const { return pool_ != nullptr; }
  int number() const { return number_; }

 private:
  SlotPool* pool_ = nullptr;
  int number_ = -1;
};

} // namespace parallm
