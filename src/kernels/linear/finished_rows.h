#pragma once

#include "kernels/floats.h"

// The end of a product: a bias is added, sums are rounded and stored. No MLX
// here.
// Plain values and functions without state: any thread.
namespace parallm {

// Outputs [first, first + columns) of rows, at most kMost of them.
struct FinishedRows {
  static constexpr int kMost = 32;

  const void* bias = nullptr; // of all outputs, or none
  FloatType bias_type = FloatType::kF32;
  FloatType out_type = FloatType::kF32;
  int first = 0;
  int columns = 0;
};

// Adds a bias to rows of kMost sums and stores `columns` of each.
class RowFinisher {
 public:
  PARALLM_INLINE explicit RowFinisher(const FinishedRows& rows) : rows_(rows) {
    if (rows.bias != nullptr) {
      simd::load_row(
          rows.bias_type, bias_,
          static_cast<const char*>(rows.bias) +
              rows.first * float_bytes(rows.bias_type),
          rows.columns);
    }
  }

  // out: the row's first output
  PARALLM_INLINE void finish(float* sums, void* out) const {
    if (rows_.bias != nullptr) {
      for (int n = 0; n < FinishedRows::kMost; ++n) {
        sums[n] += bias_[n];
      }
    }
    store_row(
        rows_.out_type,
        static_cast<char*>(out) + rows_.first * float_bytes(rows_.out_type),
        sums, rows_.columns);
  }

 private:
  const FinishedRows& rows_;
  alignas(64) float bias_[FinishedRows::kMost] = {};
};

} // namespace parallm
