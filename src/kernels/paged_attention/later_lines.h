#pragma once

#include "kernels/floats.h"

// What attention reads next, asked for ahead. No MLX here.
// Plain values without state of their own: any thread.
namespace parallm::simd {

// Lines of 16 rows that are read a step later, asked for one at a time between
// the work on what came before: the processor waits for few at once, and then
// for nothing else. In the order of memory, and into the second cache, since
// the first is too small.
class LaterLines {
 public:
  // `offset` bytes after what is pointed to, `bytes` of each row.
  PARALLM_INLINE
  LaterLines(const char* const* rows, size_t offset, size_t bytes)
      : row_(rows), end_(rows + kLanes), offset_(offset), bytes_(bytes) {}

  PARALLM_INLINE void ask_for_one() {
    if (row_ == end_) {
      return;
    }
    __builtin_prefetch(*row_ + offset_ + place_, 0, 2);
    place_ += kLine;
    if (place_ >= bytes_) { // mostly the next row lies behind
      place_ -= bytes_;
      ++row_;
    }
  }

 private:
  static constexpr size_t kLine = 64;

  const char* const* row_;
  const char* const* end_;
  size_t offset_;
  size_t bytes_;
  size_t place_ = 0;
};

} // namespace parallm::simd
