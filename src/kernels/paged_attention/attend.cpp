#include "kernels/paged_attention/attend.h"

#include <algorithm>
#include <vector>

#include "kernels/kernel_pool.h"
#include "kernels/paged_attention/attend_part.h"

namespace parallm {
namespace {

// Queries of a tile: they share what is turned and widened of keys and values,
// and their scores stay in a core's own cache. Measured.
constexpr int kTileQueries = 64;
// Tasks for each thread below which tiles are divided.
constexpr int kFewTasks = 4;

int tasks_wanted(const KernelPool& pool) {
  return pool.threads() == 1 ? 1 : kFewTasks * pool.threads();
}

int parts_of(const AttendArgs& a, const AttendTile& tile) {
  return tile.end_part() - tile.first_part(a);
}

// Parts of all tiles.
int parts_of(const AttendArgs& a, const std::vector<AttendTile>& tiles) {
  int parts = 0;
  for (const auto& tile : tiles) {
    parts += parts_of(a, tile);
  }
  return parts;
}

int tile_tokens(const AttendArgs& a) {
  return std::max(1, kTileQueries / (a.heads / a.kv_heads));
}

// Key heads of a tile of `tokens`: few tokens take many, so that memory is read
// in order.
int tile_heads(const AttendArgs& a, int tokens, int most) {
  const int queries = tokens * (a.heads / a.kv_heads);
  return std::clamp(kTileQueries / queries, 1, most);
}

std::vector<AttendTile> tiles_of(const AttendArgs& a, int most_heads) {
  const int tokens = tile_tokens(a);
  std::vector<AttendTile> tiles;
  for (int r = 0; r < a.row_count; ++r) {
    for (int begin = a.rows[r].begin; begin < a.rows[r].end; begin += tokens) {
      const int end = std::min(begin + tokens, a.rows[r].end);
      const int heads = tile_heads(a, end - begin, most_heads);
      for (int g = 0; g < a.kv_heads; g += heads) {
        tiles.push_back({r, begin, end, g, std::min(heads, a.kv_heads - g)});
      }
    }
  }
  return tiles;
}

// Tiles of as many heads as leave every thread work.
std::vector<AttendTile> tiles_of(const AttendArgs& a, const KernelPool& pool) {
  int heads = a.kv_heads;
  auto tiles = tiles_of(a, heads);
  while (heads > 1 && parts_of(a, tiles) < tasks_wanted(pool)) {
    heads /= 2;
    tiles = tiles_of(a, heads);
  }
  return tiles;
}

size_t sums_floats(const AttendArgs& a, int queries) {
  return static_cast<size_t>(simd::round_up(a.values.width)) * queries +
         2 * static_cast<size_t>(simd::round_up(queries));
}

AttendSums sums_at(float* memory, int queries) {
  float* sum = memory + simd::round_up(queries);
  return {memory, sum, sum + simd::round_up(queries)};
}

// Memory that each thread keeps, and that grows to what was wanted most.
class Scratch {
 public:
  float* floats(size_t count) {
    if (memory_.size() < count + kLine) {
      memory_.resize(count + kLine);
    }
    const auto at = reinterpret_cast<uintptr_t>(memory_.data());
    return memory_.data() + (-at % (kLine * sizeof(float))) / sizeof(float);
  }

 private:
  static constexpr size_t kLine = 16; // of a cache, in floats
  std::vector<float> memory_;
};

float* scratch(size_t floats) {
  static thread_local Scratch memory;
  return memory.floats(floats);
}

void merge(
    const AttendArgs& a,
    int queries,
    const AttendSums& total,
    const AttendSums& part) {
  merge_part({queries, simd::round_up(a.values.width), total, part});
}

// A tile's parts one after the other.
void attend_tile(const AttendArgs& a, const AttendTile& tile) {
  const int queries = tile.queries(a);
  const size_t floats = sums_floats(a, queries);
  float* memory = scratch(2 * floats + part_work_floats(a, tile));
  const auto total = sums_at(memory, queries);
  const auto sums = sums_at(memory + floats, queries);
  std::fill_n(memory, floats, 0.0f);
  for (int part = tile.first_part(a); part < tile.end_part(); ++part) {
    attend_part({a, tile, part, memory + 2 * floats, sums});
    merge(a, queries, total, sums);
  }
  store_tile({a, tile, total});
}

// The same with several parts of each tile at a time, so that every thread has
// work, and no more, so that their sums take little memory.
class DividedTiles {
 public:
  DividedTiles(
      const AttendArgs& a, const std::vector<AttendTile>& tiles, int at_once)
      : a_(a), tiles_(tiles), at_once_(at_once) {
    for (const auto& tile : tiles) {
      tile_floats_ = std::max(tile_floats_, sums_floats(a, tile.queries(a)));
      parts_ = std::max(parts_, parts_of(a, tile));
    }
    totals_.resize(tiles.size() * tile_floats_);
    sums_.resize(tiles.size() * at_once * tile_floats_);
  }

  void attend(KernelPool& pool) {
    const int count = static_cast<int>(tiles_.size());
    for (int first = 0; first < parts_; first += at_once_) {
      pool.run(count * at_once_, [&](int i) {
        attend(i / at_once_, first + i % at_once_);
      });
      pool.run(count, [&](int tile) { gather(tile, first); });
    }
    pool.run(count, [&](int i) { store_tile({a_, tiles_[i], total(i)}); });
  }

 private:
  AttendSums total(int tile) {
    return sums_at(&totals_[tile * tile_floats_], tiles_[tile].queries(a_));
  }
  AttendSums sums(int tile, int part) {
    const size_t place = tile * at_once_ + part % at_once_;
    return sums_at(&sums_[place * tile_floats_], tiles_[tile].queries(a_));
  }

  void attend(int tile, int part) {
    const AttendTile& t = tiles_[tile];
    if (part < parts_of(a_, t)) {
      attend_part(
          {a_, t, t.first_part(a_) + part, scratch(part_work_floats(a_, t)),
           sums(tile, part)});
    }
  }
  void gather(int tile, int first) {
    const int end = std::min(first + at_once_, parts_of(a_, tiles_[tile]));
    for (int part = first; part < end; ++part) {
      merge(a_, tiles_[tile].queries(a_), total(tile), sums(tile, part));
    }
  }

  const AttendArgs& a_;
  const std::vector<AttendTile>& tiles_;
  int at_once_; // parts of a tile
  int parts_ = 0;
  size_t tile_floats_ = 0;
  std::vector<float> totals_;
  std::vector<float> sums_;
};

} // namespace

void attend(const AttendArgs& args) {
  auto& pool = kernel_pool();
  const auto tiles = tiles_of(args, pool);
  const int count = static_cast<int>(tiles.size()), wanted = tasks_wanted(pool);
  if (count == 0 || count >= wanted) {
    pool.run(count, [&](int i) { attend_tile(args, tiles[i]); });
  } else {
    DividedTiles(args, tiles, (wanted + count - 1) / count).attend(pool);
  }
}

} // namespace parallm
