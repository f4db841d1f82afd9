#pragma once

#include <span>

#include "kernels/floats.h"

namespace parallm {

// Rows of a matrix of floats, anywhere in memory. No MLX here; a view.
struct FloatRows {
  std::span<const void* const> rows;
  FloatType type = FloatType::kF32;
  int inputs = 0;

  // The same rows at the same place, not equal numbers.
  bool operator==(const FloatRows& other) const {
    return rows.data() == other.rows.data() &&
           rows.size() == other.rows.size() && type == other.type &&
           inputs == other.inputs;
  }
};

} // namespace parallm
