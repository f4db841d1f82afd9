#include "kernels/layer_norm/layer_rows.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace parallm {
namespace {

struct LayerPart {
  const LayerRows& rows;
  size_t first;
  size_t end;
};

PARALLM_INLINE void load_or_fill(
    std::vector<float>& out,
    const LayerRows::Numbers& from,
    int width,
    float absent) {
  if (from.first == nullptr) {
    std::fill(out.begin(), out.end(), absent);
  } else {
    simd::load_row(from.type, out.data(), from.first, width);
  }
}

PARALLM_INLINE float sum_of(const std::vector<float>& row) {
  simd::Floats sums = {}, v;
  for (size_t i = 0; i < row.size(); i += simd::kLanes) {
    std::memcpy(&v, &row[i], sizeof(v));
    sums += v;
  }
  return simd::sum(sums);
}

PARALLM_INLINE float sum_of_squares(const std::vector<float>& row) {
  simd::Floats sums = {}, v;
  for (size_t i = 0; i < row.size(); i += simd::kLanes) {
    std::memcpy(&v, &row[i], sizeof(v));
    sums += v * v;
  }
  return simd::sum(sums);
}

// The padding of `row` is 0 and stays so, or it would count as differences.
PARALLM_INLINE void normalize(std::vector<float>& row, int width, float eps) {
  const float mean = sum_of(row) / static_cast<float>(width);
  for (int i = 0; i < width; ++i) {
    row[i] -= mean;
  }
  const float variance = sum_of_squares(row) / static_cast<float>(width);
  const float scale = 1.0f / std::sqrt(variance + eps);
  for (int i = 0; i < width; ++i) {
    row[i] *= scale;
  }
}

PARALLM_INLINE void layer_body(const LayerPart& part) {
  const LayerRows& a = part.rows;
  const int padded = simd::round_up(a.width);
  std::vector<float> weight(padded), bias(padded), row(padded);
  load_or_fill(weight, a.weight, a.width, 1.0f);
  load_or_fill(bias, a.bias, a.width, 0.0f);
  const size_t row_bytes = a.width * float_bytes(a.x.type);
  for (size_t r = part.first; r < part.end; ++r) {
    simd::load_row(
        a.x.type, row.data(),
        static_cast<const char*>(a.x.first) + r * row_bytes, a.width);
    normalize(row, a.width, a.eps);
    for (int i = 0; i < a.width; ++i) {
      row[i] = row[i] * weight[i] + bias[i];
    }
    store_row(
        a.x.type, static_cast<char*>(a.out) + r * row_bytes, row.data(),
        a.width);
  }
}

PARALLM_MULTIVERSION(layer_part, layer_body, LayerPart)

} // namespace

void layer_rows(const LayerRows& rows, size_t first, size_t end) {
  layer_part({rows, first, end});
}

} // namespace parallm
