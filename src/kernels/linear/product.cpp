#include "kernels/linear/product.h"

#include <algorithm>
#include <vector>

#include "kernels/dot_tile.h"

namespace parallm {
namespace {

using namespace simd;

constexpr int kColumns = 4;   // outputs computed together
constexpr int kRowBlock = 32; // rows of x that stay in the cache; guessed

struct Affine {
  const uint8_t* packed;
  const void* scales;
  const void* biases;
  FloatType type;
};

PARALLM_INLINE float at(FloatType type, const void* from, int i) {
  float value[kLanes];
  const auto* first = static_cast<const char*>(from) + i * float_bytes(type);
  if (type == FloatType::kF32) {
    std::memcpy(value, first, sizeof(float));
    return value[0];
  }
  Floats one;
  if (type == FloatType::kF16) {
    load_tail<FloatType::kF16>(one, first, 1);
  } else {
    load_tail<FloatType::kBF16>(one, first, 1);
  }
  return one[0];
}

// 16 packed values to whole numbers.
template <int kBits>
PARALLM_INLINE void unpack(Floats& out, const uint8_t* from) {
  if constexpr (kBits == 8) {
    Bytes bytes;
    std::memcpy(&bytes, from, sizeof(bytes));
    const Words words = __builtin_convertvector(bytes, Words);
    out = __builtin_convertvector(words, Floats);
  } else {
    uint32_t a, b;
    std::memcpy(&a, from, 4);
    std::memcpy(&b, from + 4, 4);
    const Words both = {a, a, a, a, a, a, a, a, b, b, b, b, b, b, b, b};
    const Words shifts = {0, 4, 8, 12, 16, 20, 24, 28,
                          0, 4, 8, 12, 16, 20, 24, 28};
    const Words words = (both >> shifts) & 15u;
    out = __builtin_convertvector(words, Floats);
  }
}

template <int kBits>
PARALLM_INLINE void dequantize_row(
    float* out, const Affine& row, int inputs, int group_size) {
  for (int group = 0; group < inputs / group_size; ++group) {
    const float scale = at(row.type, row.scales, group);
    const float bias = at(row.type, row.biases, group);
    for (int i = group * group_size; i < (group + 1) * group_size;
         i += kLanes) {
      Floats q;
      unpack<kBits>(q, row.packed + static_cast<size_t>(i) * kBits / 8);
      q = q * scale + bias;
      std::memcpy(out + i, &q, sizeof(q));
    }
  }
}

PARALLM_INLINE Affine affine_row(const ProductArgs& a, int n, int bits) {
  const size_t groups = a.inputs / a.group_size;
  const size_t scales_at = n * groups * float_bytes(a.scale_type);
  return {
      static_cast<const uint8_t*>(a.weight) +
          static_cast<size_t>(n) * a.inputs * bits / 8,
      static_cast<const char*>(a.scales) + scales_at,
      static_cast<const char*>(a.biases) + scales_at, a.scale_type};
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
    case WeightForm::kAffine4:
      dequantize_row<4>(scratch, affine_row(a, n, 4), a.inputs, a.group_size);
      break;
    case WeightForm::kAffine8:
      dequantize_row<8>(scratch, affine_row(a, n, 8), a.inputs, a.group_size);
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
  float block[kRowBlock * kColumns];
  for (int row = 0; row < a.rows; row += kRowBlock) {
    const int rows = std::min(kRowBlock, a.rows - row);
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
