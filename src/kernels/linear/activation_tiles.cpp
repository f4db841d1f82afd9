#include "kernels/linear/activation_tiles.h"

#include <algorithm>

#include "kernels/parts.h"
#include "kernels/vector_math.h"

namespace parallm {
namespace {

using namespace simd;

struct FillArgs {
  const void* const* rows;
  int row_count; // the others of the tile are zeros
  int tile_rows;
  FloatType type;
  int group_size;
  int first_group;
  int end_group;
  uint8_t* out; // the tile
};

using SignedBytes = int8_t __attribute__((vector_size(16), aligned(1)));

PARALLM_INLINE float largest(const float* x, int count) {
  LargestMagnitude most;
  for (int i = 0; i < count; i += kLanes) {
    Floats v;
    std::memcpy(&v, x + i, sizeof(v));
    most.see(v);
  }
  return most.value();
}

PARALLM_INLINE void round_to_bytes(
    SignedBytes& out, Words& sum, const Floats& x, float factor) {
  const Floats moved = x * factor + kRounder;
  Words whole; // less than 0 it wraps around, as does what is not finite
  bit_cast(whole, moved);
  whole -= kRounderBits;
  sum += whole;
  out = __builtin_convertvector(whole, SignedBytes);
}

// One group of one row. scale and sum: its places behind the bytes.
PARALLM_INLINE void fill_int8_group(
    const float* x, const FillArgs& a, int row, uint8_t* group) {
  // Anything smaller is nothing beside what else is added; its inverse would
  // be infinite.
  constexpr float kNothing = 0x1p-120f;
  const float most = largest(x, a.group_size);
  const float factor = most < kNothing ? 0 : 127 / most;
  const bool whole = is_for_matrices(a.tile_rows);
  uint8_t* to = group + row * (whole ? a.group_size : kStepInputs);
  const int stride = kStepInputs * (whole ? 1 : a.tile_rows);
  Words sum = {};
  for (int i = 0; i < a.group_size; i += kLanes) {
    Floats v;
    std::memcpy(&v, x + i, sizeof(v));
    SignedBytes bytes;
    round_to_bytes(bytes, sum, v, factor);
    for (int at = 0; at < kLanes; at += kStepInputs, to += stride) {
      std::memcpy(to, reinterpret_cast<const char*>(&bytes) + at, kStepInputs);
    }
  }
  uint32_t total = 0;
  for (int i = 0; i < kLanes; ++i) {
    total += sum[i];
  }
  const float scale = most < kNothing ? 0 : most / 127;
  const float scaled = scale * static_cast<float>(static_cast<int32_t>(total));
  uint8_t* scales = group + a.tile_rows * a.group_size;
  std::memcpy(scales + row * sizeof(float), &scale, sizeof(scale));
  std::memcpy(
      scales + (a.tile_rows + row) * sizeof(float), &scaled, sizeof(scaled));
}

PARALLM_INLINE void fill_float_group(
    const float* x, const FillArgs& a, int row, uint8_t* group) {
  auto* out = reinterpret_cast<float*>(group) + row;
  Floats sums = {};
  for (int i = 0; i < a.group_size; i += kLanes) {
    Floats v;
    std::memcpy(&v, x + i, sizeof(v));
    sums += v;
    for (int lane = 0; lane < kLanes; ++lane) {
      out[(i + lane) * a.tile_rows] = v[lane];
    }
  }
  out[a.group_size * a.tile_rows] = sum(sums);
}

template <TileForm kForm>
PARALLM_INLINE void fill_row(const FillArgs& a, int row) {
  const size_t group_bytes =
      tile_bytes(kForm, a.tile_rows, a.group_size, a.group_size);
  const auto* from = static_cast<const char*>(a.rows[row]);
  const size_t from_bytes = a.group_size * float_bytes(a.type);
  float x[kMostGroup];
  for (int g = a.first_group; g < a.end_group; ++g) {
    load_row(a.type, x, from + g * from_bytes, a.group_size);
    if constexpr (kForm == TileForm::kInt8) {
      fill_int8_group(x, a, row, a.out + g * group_bytes);
    } else {
      fill_float_group(x, a, row, a.out + g * group_bytes);
    }
  }
}

// Rows that the tile has and x has not.
PARALLM_INLINE void clear_groups(const FillArgs& a, TileForm form) {
  const size_t group_bytes =
      tile_bytes(form, a.tile_rows, a.group_size, a.group_size);
  std::memset(
      a.out + a.first_group * group_bytes, 0,
      (a.end_group - a.first_group) * group_bytes);
}

template <TileForm kForm>
PARALLM_INLINE void fill_rows(const FillArgs& a) {
  if (a.row_count < a.tile_rows) {
    clear_groups(a, kForm);
  }
  for (int row = 0; row < a.row_count; ++row) {
    fill_row<kForm>(a, row);
  }
}

PARALLM_INLINE void fill_int8_body(const FillArgs& a) {
  fill_rows<TileForm::kInt8>(a);
}

PARALLM_INLINE void fill_float_body(const FillArgs& a) {
  fill_rows<TileForm::kFloat>(a);
}

PARALLM_MULTIVERSION(fill_int8, fill_int8_body, FillArgs)
PARALLM_MULTIVERSION(fill_float, fill_float_body, FillArgs)

// A product of matrices takes as long with empty rows: a quarter of them at
// most, or fewer rows go first.
constexpr int needed_rows(int tile_rows) {
  return is_for_matrices(tile_rows) ? tile_rows * 3 / 4 : 1;
}

// The smallest that holds so many, or the largest.
int tile_rows_for(const TileKernels& kernels, int rows) {
  int best = 0;
  for (const int size : kernels.tile_rows) {
    if (size == 0 || best >= rows || rows < needed_rows(size)) {
      break;
    }
    best = size;
  }
  return best;
}

} // namespace

ActivationTiles::ActivationTiles(
    const FloatRows& x, int group_size, const TileKernels& kernels)
    : x_(x), group_size_(group_size), kernels_(kernels) {
  cut();
  const int most = tiles_.empty() ? 0 : tiles_[0].tile_rows * x.inputs;
  tile_pieces_ = std::max(1, most / static_cast<int>(kPartNumbers));
}

void ActivationTiles::cut() {
  const int rows = static_cast<int>(x_.rows.size());
  std::vector<size_t> places;
  size_t bytes = 0;
  for (int first = 0; first < rows;) {
    const int tile_rows = tile_rows_for(kernels_, rows - first);
    tiles_.push_back({first, std::min(tile_rows, rows - first), tile_rows});
    places.push_back(bytes);
    bytes += tile_bytes(kernels_.form, tile_rows, x_.inputs, group_size_);
    first += tile_rows;
  }
  memory_ = std::make_unique_for_overwrite<uint8_t[]>(bytes);
  for (size_t i = 0; i < tiles_.size(); ++i) {
    tiles_[i].memory = memory_.get() + places[i];
  }
}

void ActivationTiles::fill(int piece) {
  const Tile& tile = tiles_[piece / tile_pieces_];
  const int part = piece % tile_pieces_, groups = x_.inputs / group_size_;
  const FillArgs args{
      &x_.rows[tile.first],
      tile.rows,
      tile.tile_rows,
      x_.type,
      group_size_,
      groups * part / tile_pieces_,
      groups * (part + 1) / tile_pieces_,
      tile.memory};
  kernels_.form == TileForm::kInt8 ? fill_int8(args) : fill_float(args);
}

} // namespace parallm
