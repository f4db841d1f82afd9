#include "kernels/linear/product.h"

#include <algorithm>
#include <vector>

#include "kernels/dot_tile.h"
#include "kernels/linear/packed_row.h"

namespace parallm {
namespace {

using namespace simd;

constexpr int kColumns = 4; // outputs computed together

PARALLM_INLINE PackedRow packed_row(const ProductArgs& a, int n) {
  const size_t groups = a.inputs / a.group_size;
  const size_t scale_bytes = is_affine(a.form) ? float_bytes(a.scale_type) : 1;
  const size_t scales_at = n * groups * scale_bytes;
  return {
      static_cast<const uint8_t*>(a.weight) +
          static_cast<size_t>(n) * a.inputs * form_bits(a.form) / 8,
      static_cast<const char*>(a.scales) + scales_at,
      is_affine(a.form) ? static_cast<const char*>(a.biases) + scales_at
                        : nullptr,
      a.scale_type, a.scale_factor};
}

template <WeightForm kForm>
PARALLM_INLINE void dequantise_row(
    const ProductArgs& a, int n, float* scratch) {
  dequantise_row<kForm>(scratch, packed_row(a, n), a.inputs, a.group_size);
}

// Row n of the weight as float32; in `scratch`, unless it is that already.
PARALLM_INLINE const float* weight_row(
    const ProductArgs& a, int n, float* scratch) {
  const size_t offset = static_cast<size_t>(n) * a.inputs;
  const auto* bytes = static_cast<const char*>(a.weight);
  switch (a.form) {
    case WeightForm::kF32:
      if (a.inputs % kLanes == 0) {
        return reinterpret_cast<const float*>(bytes) + offset;
      }
      load_row<FloatType::kF32>(scratch, bytes + offset * 4, a.inputs);
      break;
    case WeightForm::kF16:
      load_row<FloatType::kF16>(scratch, bytes + offset * 2, a.inputs);
      break;
    case WeightForm::kBF16:
      load_row<FloatType::kBF16>(scratch, bytes + offset * 2, a.inputs);
      break;
    case WeightForm::kAffine2:
      dequantise_row<WeightForm::kAffine2>(a, n, scratch);
      break;
    case WeightForm::kAffine3:
      dequantise_row<WeightForm::kAffine3>(a, n, scratch);
      break;
    case WeightForm::kAffine4:
      dequantise_row<WeightForm::kAffine4>(a, n, scratch);
      break;
    case WeightForm::kAffine5:
      dequantise_row<WeightForm::kAffine5>(a, n, scratch);
      break;
    case WeightForm::kAffine6:
      dequantise_row<WeightForm::kAffine6>(a, n, scratch);
      break;
    case WeightForm::kAffine8:
      dequantise_row<WeightForm::kAffine8>(a, n, scratch);
      break;
    case WeightForm::kMxfp4:
      dequantise_row<WeightForm::kMxfp4>(a, n, scratch);
      break;
    case WeightForm::kNvfp4:
      dequantise_row<WeightForm::kNvfp4>(a, n, scratch);
      break;
    case WeightForm::kMxfp8:
      dequantise_row<WeightForm::kMxfp8>(a, n, scratch);
      break;
  }
  return scratch;
}

// One row of a finished block: adds the bias, rounds, stores.
PARALLM_INLINE void finish_row(
    const ProductArgs& a, float* sums, int row, int first, int columns) {
  if (a.bias) {
    for (int n = 0; n < columns; ++n) {
      sums[n] += at(a.bias_type, a.bias, first + n);
    }
  }
  const size_t offset = static_cast<size_t>(row) * a.outputs + first;
  store_row(
      a.out_type, static_cast<char*>(a.out) + offset * float_bytes(a.out_type),
      sums, columns);
}

PARALLM_INLINE void product_body(const ProductArgs& a) {
  const int padded = round_up(a.inputs);
  std::vector<float> scratch(static_cast<size_t>(kColumns) * padded);
  float block[kProductRowBlock * kColumns];
  for (int row = 0; row < a.rows; row += kProductRowBlock) {
    const int rows = std::min(kProductRowBlock, a.rows - row);
    for (int first = a.first_output; first < a.end_output; first += kColumns) {
      const int columns = std::min(kColumns, a.end_output - first);
      const float* weights[kColumns];
      for (int n = 0; n < kColumns; ++n) {
        weights[n] = n < columns
                         ? weight_row(a, first + n, scratch.data() + n * padded)
                         : weights[0];
      }
      dot_rows(
          a.x + static_cast<size_t>(row) * padded, rows, padded, weights,
          columns, block, kColumns);
      for (int m = 0; m < rows; ++m) {
        finish_row(a, block + m * kColumns, row + m, first, columns);
      }
    }
  }
}

} // namespace

PARALLM_MULTIVERSION(product, product_body, ProductArgs)

} // namespace parallm
