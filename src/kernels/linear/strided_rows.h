#pragma once

#include <mlx/mlx.h>

#include <vector>

#include "kernels/float_type.h"

namespace parallm {

// The rows of an evaluated array, along its last axis, row by row in memory.
// Made in eval_cpu, read on the stream's thread.
class StridedRows {
 public:
  explicit StridedRows(const mlx::core::array& array)
      : first_(const_cast<char*>(array.data<char>())),
        type_(float_type(array.dtype())),
        width_(array.shape(-1)),
        count_(static_cast<int>(array.size() / array.shape(-1))) {}

  FloatType type() const { return type_; }
  int width() const { return width_; }
  int count() const { return count_; }

  // Of the array itself.
  std::vector<void*> rows() const {
    std::vector<void*> rows(count_);
    for (int i = 0; i < count_; ++i) {
      rows[i] = first_ + i * row_bytes();
    }
    return rows;
  }

  // The same in other memory.
  std::vector<const void*> of(const void* first) const {
    std::vector<const void*> rows(count_);
    for (int i = 0; i < count_; ++i) {
      rows[i] = static_cast<const char*>(first) + i * row_bytes();
    }
    return rows;
  }

 private:
  size_t row_bytes() const { return width_ * float_bytes(type_); }

  char* first_;
  FloatType type_;
  int width_;
  int count_;
};

} // namespace parallm
