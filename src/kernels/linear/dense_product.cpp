#include "kernels/linear/dense_product.h"

#include <algorithm>
#include <memory>

#include "kernels/linear/dense_tile.h"

namespace parallm::dense {
namespace {

// Inputs that are multiplied at a time, so that a tile of x stays in the first
// cache while it meets one row of the weight after the other. Their sums are
// added block by block.
constexpr int kBlockLines = 32;
// Outputs at a time, where there are several tiles to meet them: of the second
// cache's size.
constexpr int kPanel = 32;
constexpr int kTilesAtOnce = 64;

struct Work {
  const DenseProduct& product;
  int first_output;
  int outputs;
  int first_tile;
  int tiles;
  float* sums;   // (rows of the tiles, kPanel)
  char* scratch; // (kPanel, kBlockLines) lines
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

// A block of inputs of some outputs, in the numbers that meet.
struct WeightBlock {
  const char* first;
  size_t stride; // bytes
};

template <class Set>
PARALLM_INLINE void copy_numbers(
    FloatType type, char* out, const char* from, int n) {
  constexpr int kNumbers = numbers_of_line(Set::kType);
  if constexpr (Set::kType == FloatType::kF32) {
    load_row(type, reinterpret_cast<float*>(out), from, n);
  } else {
    const size_t bytes = n * float_bytes(type);
    std::memcpy(out, from, bytes);
    std::memset(out + bytes, 0, (kNumbers - n % kNumbers) * float_bytes(type));
  }
}

PARALLM_INLINE void fetch(const char* from, size_t bytes) {
  for (size_t i = 0; i < bytes; i += kLineBytes) {
    __builtin_prefetch(from + i, 0, 2);
  }
}

// Inputs [first, first + n), as they lie if they are whole lines, else in
// `scratch`.
template <class Set>
PARALLM_INLINE WeightBlock
weight_block(const Work& work, int first, int n, ptrdiff_t ahead) {
  const DenseMatrix& w = work.product.weight;
  const FloatType type = type_of(w.form);
  const size_t row_bytes = w.inputs * float_bytes(type);
  const char* from = static_cast<const char*>(w.weight) +
                     work.first_output * row_bytes + first * float_bytes(type);
  if (type == Set::kType && n % numbers_of_line(type) == 0) {
    return {from, row_bytes};
  }
  for (int i = 0; i < work.outputs; ++i) {
    const char* row = from + i * row_bytes;
    fetch(row + ahead, n * float_bytes(type));
    copy_numbers<Set>(
        type, work.scratch + i * kBlockLines * kLineBytes, row, n);
  }
  return {work.scratch, kBlockLines * kLineBytes};
}

template <class Set>
PARALLM_INLINE void multiply_block(const Work& work, int first, int n) {
  constexpr int kNumbers = numbers_of_line(Set::kType);
  const DenseMatrix& w = work.product.weight;
  const int bytes = static_cast<int>(float_bytes(type_of(w.form)));
  const bool last = first + n == w.inputs;
  const ptrdiff_t ahead =
      last ? static_cast<ptrdiff_t>(work.outputs) * w.inputs * bytes -
                 first * bytes
           : n * bytes;
  const WeightBlock block = weight_block<Set>(work, first, n, ahead);
  float* out = work.sums;
  for (int i = 0; i < work.tiles; ++i) {
    const auto x = work.product.x->tile(work.first_tile + i);
    DenseTile tile;
    tile.x =
        x.memory + static_cast<size_t>(first) / kNumbers * x.rows * kLineBytes;
    tile.w_stride = block.stride;
    tile.lines = (n + kNumbers - 1) / kNumbers;
    tile.ahead = i == 0 && block.first != work.scratch ? ahead : 0;
    tile.out_stride = kPanel;
    for (int column = 0; column < work.outputs; column += kColumns) {
      tile.w = block.first + column * block.stride;
      tile.columns = work.outputs - column;
      tile.out = out + column;
      multiply_tile<Set>(tile, x.rows);
    }
    out += x.rows * kPanel;
  }
}

// Adds the bias, rounds, stores.
PARALLM_INLINE void finish_row(const Work& work, int row, float* sums) {
  const DenseProduct& p = work.product;
  const DenseMatrix& w = p.weight;
  if (w.bias != nullptr) {
    for (int n = 0; n < work.outputs; ++n) {
      sums[n] += load_one(w.bias_type, w.bias, work.first_output + n);
    }
  }
  store_row(
      p.out_type,
      static_cast<char*>(p.out[row]) +
          work.first_output * float_bytes(p.out_type),
      sums, work.outputs);
}

template <class Set>
PARALLM_INLINE void multiply_work(const Work& work) {
  constexpr int kBlock = kBlockLines * numbers_of_line(Set::kType);
  const int first_row = work.product.x->tile(work.first_tile).first;
  const auto last = work.product.x->tile(work.first_tile + work.tiles - 1);
  const int rows = last.first + last.rows - first_row;
  std::fill(work.sums, work.sums + rows * kPanel, 0.0f);
  for (int k = 0; k < work.product.weight.inputs; k += kBlock) {
    multiply_block<Set>(
        work, k, std::min(kBlock, work.product.weight.inputs - k));
  }
  for (int row = 0; row < rows; ++row) {
    finish_row(work, first_row + row, work.sums + row * kPanel);
  }
}

template <class Set>
PARALLM_INLINE void multiply_with(const DenseProduct& p, int first, int end) {
  const int tiles = p.x->tiles();
  const int most_tiles = std::min(tiles, kTilesAtOnce);
  const int step = tiles == 1 ? kColumns : kPanel;
  const std::unique_ptr<float[]> sums(
      new float[most_tiles * Set::kRows * kPanel]);
  const std::unique_ptr<char[]> scratch(
      new char[step * kBlockLines * kLineBytes]);
  for (int tile = 0; tile < tiles; tile += most_tiles) {
    for (int output = first; output < end; output += step) {
      multiply_work<Set>(
          {p, output, std::min(step, end - output), tile,
           std::min(most_tiles, tiles - tile), sums.get(), scratch.get()});
    }
  }
}

#if defined(__x86_64__)

PARALLM_ON_AVX512_BF16 void multiply_bf16(
    const DenseProduct& p, int first, int end) {
  multiply_with<Pairs>(p, first, end);
}

PARALLM_ON_AVX512 void multiply_avx512(
    const DenseProduct& p, int first, int end) {
  multiply_with<Singles<Full>>(p, first, end);
}

PARALLM_ON_AVX2 void multiply_avx2(const DenseProduct& p, int first, int end) {
  multiply_with<Singles<Half>>(p, first, end);
}

#endif

void multiply_baseline(const DenseProduct& p, int first, int end) {
  multiply_with<Singles<Quarter>>(p, first, end);
}

} // namespace
} // namespace parallm::dense

namespace parallm {

const DenseKernels& dense_kernels(FloatType x, WeightForm weight) {
  using namespace dense;
  static constexpr DenseKernels kBaseline = {
      FloatType::kF32, Quarter::kRows, multiply_baseline};
#if defined(__x86_64__)
  static constexpr DenseKernels kAvx2 = {
      FloatType::kF32, Half::kRows, multiply_avx2};
  static constexpr DenseKernels kAvx512 = {
      FloatType::kF32, Full::kRows, multiply_avx512};
  static constexpr DenseKernels kBf16 = {
      FloatType::kBF16, Full::kRows, multiply_bf16};
  const bool pairs = x == FloatType::kBF16 && weight == WeightForm::kBF16;
  const InstructionSet set = instruction_set();
  switch (pairs ? bfloat16_set(set) : vector_set(set)) {
    case InstructionSet::kAvx512Bf16:
      return kBf16;
    case InstructionSet::kAvx512:
      return kAvx512;
    case InstructionSet::kAvx2:
      return kAvx2;
    default:
      return kBaseline;
  }
#else
  return kBaseline;
#endif
}

} // namespace parallm
