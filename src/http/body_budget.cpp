#include "http/body_budget.h"

#include <utility>

namespace parallm::http {

uint64_t BodyBudget::held_bytes() const {
  std::lock_guard lock(mutex_);
  return held_bytes_;
}

bool BodyBudget::grow(uint64_t from_bytes, uint64_t to_bytes) {
  std::lock_guard lock(mutex_);
  const uint64_t others_bytes = held_bytes_ - from_bytes;
  if (others_bytes > 0 && others_bytes + to_bytes > max_bytes_) {
    return false;
  }
  held_bytes_ = others_bytes + to_bytes;
  return true;
}

void BodyBudget::give_back(uint64_t bytes) {
  std::lock_guard lock(mutex_);
  held_bytes_ -= bytes;
}

bool BodyPermit::grow_to(uint64_t bytes) {
  if (bytes <= bytes_) {
    return true;
  }
  if (!budget_.grow(bytes_, bytes)) {
    return false;
  }
  bytes_ = bytes;
  return true;
}

void BodyPermit::release() {
  if (bytes_ > 0) {
    budget_.give_back(std::exchange(bytes_, 0));
  }
}

} // namespace parallm::http
