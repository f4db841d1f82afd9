#include "kernels/linear/product.h"

#include <algorithm>
#include <vector>

#include "kernels/dot_tile.h"

namespace parallm {
namespace {

using namespace simd;

constexpr int kColumns = 4; // outputs computed together

// Rows of x that stay in the cache; guessed. The weight is widened once for
// each block of so many.
constexpr int kRowBlock = 32;

struct Range {
  const DenseProduct& product;
  int first; // output
  int end;
};

PARALLM_INLINE FloatType type_of(WeightForm form) {
  switch (form) {
    case WeightForm::kF32:
      return FloatType::kF32;
    case WeightForm::kF16:
      return FloatType::kF16;
    default:
      return FloatType::kBF16;
  }
}

// Row n of the weight as float32; in `scratch`, unless it is that already.
PARALLM_INLINE const float* weight_row(
    const DenseMatrix& w, int n, float* scratch) {
  const FloatType type = type_of(w.form);
  const auto* row = static_cast<const char*>(w.weight) +
                    static_cast<size_t>(n) * w.inputs * float_bytes(type);
  if (type == FloatType::kF32 && w.inputs % kLanes == 0) {
    return reinterpret_cast<const float*>(row);
  }
  load_row(type, scratch, row, w.inputs);
  return scratch;
}

// One row of a finished block: adds the bias, rounds, stores.
PARALLM_INLINE void finish_row(
    const DenseProduct& p, float* sums, int row, int first, int columns) {
  const DenseMatrix& w = p.weight;
  if (w.bias != nullptr) {
    for (int n = 0; n < columns; ++n) {
      sums[n] += load_one(w.bias_type, w.bias, first + n);
    }
  }
  store_row(
      p.out_type,
      static_cast<char*>(p.out[row]) + first * float_bytes(p.out_type), sums,
      columns);
}

// A few outputs of a block of rows.
PARALLM_INLINE void multiply_columns(
    const DenseProduct& p,
    const float* const (&weights)[kColumns],
    int row,
    int first,
    int columns) {
  const int padded = round_up(p.weight.inputs);
  const int rows = std::min(kRowBlock, p.rows - row);
  float block[kRowBlock * kColumns];
  dot_rows(
      p.x + static_cast<size_t>(row) * padded, rows, padded, weights, columns,
      block, kColumns);
  for (int m = 0; m < rows; ++m) {
    finish_row(p, block + m * kColumns, row + m, first, columns);
  }
}

PARALLM_INLINE void multiply_body(const Range& range) {
  const DenseProduct& p = range.product;
  const int padded = round_up(p.weight.inputs);
  std::vector<float> scratch(static_cast<size_t>(kColumns) * padded);
  for (int first = range.first; first < range.end; first += kColumns) {
    const int columns = std::min(kColumns, range.end - first);
    const float* weights[kColumns];
    for (int n = 0; n < kColumns; ++n) {
      weights[n] =
          n < columns
              ? weight_row(p.weight, first + n, scratch.data() + n * padded)
              : weights[0];
    }
    for (int row = 0; row < p.rows; row += kRowBlock) {
      multiply_columns(p, weights, row, first, columns);
    }
  }
}

PARALLM_MULTIVERSION(multiply_range, multiply_body, Range)

} // namespace

void multiply_dense(const DenseProduct& product, int first, int end) {
  multiply_range({product, first, end});
}

} // namespace parallm
