#pragma once

#include <cstdint>
#include <mutex>

namespace parallm::http {

// The bytes of request bodies that are in memory, over all connections of a
// server. A string that grows may take up to twice what it counts here. Any
// thread.
class BodyBudget {
 public:
  explicit BodyBudget(uint64_t max_bytes) : max_bytes_(max_bytes) {}

  uint64_t held_bytes() const;

 private:
  friend class BodyPermit;

  bool grow(uint64_t from_bytes, uint64_t to_bytes);
  void give_back(uint64_t bytes);

  const uint64_t max_bytes_;
  mutable std::mutex mutex_;
  uint64_t held_bytes_ = 0;
};

// What one body takes of the budget, given back when it dies. One thread; the
// budget outlives it.
class BodyPermit {
 public:
  explicit BodyPermit(BodyBudget& budget) : budget_(budget) {}
  ~BodyPermit() { release(); }
  BodyPermit(const BodyPermit&) = delete;
  BodyPermit& operator=(const BodyPermit&) = delete;

  // Called as bytes arrive: what a client merely announces takes no room from
  // others. False, and nothing changes: there is no room. A body that is alone
  // always has room; routes bound what it may come to.
  [[nodiscard]] bool grow_to(uint64_t bytes);
  void release();

 private:
  BodyBudget& budget_;
  uint64_t bytes_ = 0;
};

} // namespace parallm::http
