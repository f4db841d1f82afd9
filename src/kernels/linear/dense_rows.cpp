#include "kernels/linear/dense_rows.h"

#include <algorithm>

namespace parallm {
namespace {

using namespace simd;

struct FillArgs {
  const void* const* rows;
  int row_count;
  FloatType from;
  FloatType to;
  int inputs;
  char* out;
};

// n numbers, or as many as a line has, and zeros after them.
PARALLM_INLINE void fill_line(
    const FillArgs& a, char* out, const char* from, int n) {
  const int count = std::min(n, numbers_of_line(a.to));
  if (a.from != a.to) {
    return load_row(a.from, reinterpret_cast<float*>(out), from, count);
  }
  std::memcpy(out, from, count * float_bytes(a.to));
  std::memset(
      out + count * float_bytes(a.to), 0,
      kLineBytes - count * float_bytes(a.to));
}

PARALLM_INLINE void fill_body(const FillArgs& a) {
  char* out = a.out;
  for (int i = 0; i < a.inputs; i += numbers_of_line(a.to)) {
    for (int row = 0; row < a.row_count; ++row) {
      const char* from = static_cast<const char*>(a.rows[row]);
      fill_line(a, out, from + i * float_bytes(a.from), a.inputs - i);
      out += kLineBytes;
    }
  }
}

PARALLM_MULTIVERSION(fill_tile, fill_body, FillArgs)

int ceil_div(int n, int by) {
  return (n + by - 1) / by;
}

} // namespace

DenseRows::DenseRows(const FloatRows& x, FloatType type, int tile_rows)
    : x_(x),
      type_(type),
      tile_rows_(tile_rows),
      tiles_(ceil_div(count(), tile_rows)),
      memory_(new Line[x.rows.size() * lines()]) {
}

int DenseRows::lines() const {
  return ceil_div(x_.inputs, numbers_of_line(type_));
}

DenseRows::Tile DenseRows::tile(int i) const {
  const auto start = [&](int tile) {
    return static_cast<int>(int64_t{count()} * tile / tiles_);
  };
  const int first = start(i);
  return {
      first, start(i + 1) - first,
      memory_[static_cast<size_t>(first) * lines()].bytes};
}

void DenseRows::fill(int i) {
  const Tile of = tile(i);
  fill_tile(
      {&x_.rows[of.first], of.rows, x_.type, type_, x_.inputs, of.memory});
}

} // namespace parallm
