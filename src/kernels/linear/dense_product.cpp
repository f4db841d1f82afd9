#include "kernels/linear/dense_product.h"

#include <algorithm>
#include <memory>

#include "kernels/linear/dense_tile.h"
#include "kernels/linear/finished_rows.h"

namespace parallm::dense {
namespace {

// Inputs that are multiplied at a time, so that a tile of x stays in the first
// cache while it meets one row of the weight after the other. Their sums are
// added block by block.
constexpr int kBlockLines = 64;
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
  char* scratch; // (kPanel, block)
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

// A block of inputs of some outputs, in whole lines.
struct WeightBlock {
  FloatType type;
  const char* first;
  size_t stride; // bytes
};

// Inputs [first, first + n): as they lie, or if the last line is not whole, in
// `scratch` with zeros behind them.
template <class Set>
PARALLM_INLINE WeightBlock weight_block(const Work& work, int first, int n) {
  const DenseMatrix& w = work.product.weight;
  const FloatType type = type_of(w.form);
  const size_t number_bytes = float_bytes(type);
  const size_t row_bytes = w.inputs * number_bytes;
  const char* from = static_cast<const char*>(w.weight) +
                     work.first_output * row_bytes + first * number_bytes;
  const int missing = -n & (numbers_of_line(Set::kType) - 1);
  if (missing == 0) {
    return {type, from, row_bytes};
  }
  const size_t stride = (n + missing) * number_bytes;
  for (int i = 0; i < work.outputs; ++i) {
    char* to = work.scratch + i * stride;
    std::memcpy(to, from + i * row_bytes, n * number_bytes);
    std::memset(to + n * number_bytes, 0, missing * number_bytes);
  }
  return {type, work.scratch, stride};
}

// From a block of inputs of the weight to what is read after it.
PARALLM_INLINE ptrdiff_t bytes_ahead(const Work& work, int first, int n) {
  const DenseMatrix& w = work.product.weight;
  const ptrdiff_t numbers =
      first + n < w.inputs ? n : ptrdiff_t{work.outputs} * w.inputs - first;
  return numbers * static_cast<ptrdiff_t>(float_bytes(type_of(w.form)));
}

template <class Set>
PARALLM_INLINE void multiply_block(const Work& work, int first, int n) {
  constexpr int kNumbers = numbers_of_line(Set::kType);
  const WeightBlock block = weight_block<Set>(work, first, n);
  DenseTile tile;
  tile.w_stride = block.stride;
  tile.lines = (n + kNumbers - 1) / kNumbers;
  // Again with each tile: a machine that is busy forgets some.
  tile.ahead = block.first == work.scratch ? 0 : bytes_ahead(work, first, n);
  tile.out_stride = kPanel;
  float* out = work.sums;
  for (int i = 0; i < work.tiles; ++i) {
    const auto x = work.product.x->tile(work.first_tile + i);
    tile.x = x.memory + size_t{1} * first / kNumbers * x.rows * kLineBytes;
    for (int column = 0; column < work.outputs; column += kColumns) {
      tile.w = block.first + column * block.stride;
      tile.columns = work.outputs - column;
      tile.out = out + column;
      multiply_tile<Set>(tile, block.type, x.rows);
    }
    out += x.rows * kPanel;
  }
}

PARALLM_INLINE void finish_rows(const Work& work, int first_row, int rows) {
  const DenseProduct& p = work.product;
  const FinishedRows finished{
      p.weight.bias, p.weight.bias_type, p.out_type, work.first_output,
      work.outputs};
  const RowFinisher finisher(finished);
  for (int row = 0; row < rows; ++row) {
    finisher.finish(work.sums + row * kPanel, p.out[first_row + row]);
  }
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
  finish_rows(work, first_row, rows);
}

template <class Set>
PARALLM_INLINE void multiply_with(const DenseProduct& p, int first, int end) {
  const int tiles = p.x->tiles();
  const int most_tiles = std::min(tiles, kTilesAtOnce);
  const int step = tiles == 1 ? kColumns : kPanel;
  const std::unique_ptr<float[]> sums(
      new float[most_tiles * Set::kRows * kPanel]);
  const bool copies = p.weight.inputs % numbers_of_line(Set::kType) != 0;
  const std::unique_ptr<char[]> scratch( // float32 at most
      new char[copies ? step * kBlockLines * kLineBytes : 0]);
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

const DenseKernels& dense_kernels(
    [[maybe_unused]] FloatType x, [[maybe_unused]] WeightForm weight) {
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
