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

int tile_tokens(const AttendArgs& a) {
  return std::max(1, kTileQueries / (a.heads / a.kv_heads));
}

std::vector<AttendTile> tiles_of(const AttendArgs& a) {
  const int tokens = tile_tokens(a);
  std::vector<AttendTile> tiles;
  for (int r = 0; r < a.row_count; ++r) {
    for (int begin = a.rows[r].begin; begin < a.rows[r].end; begin += tokens) {
      for (int g = 0; g < a.kv_heads; ++g) {
        tiles.push_back({r, begin, std::min(begin + tokens, a.rows[r].end), g});
      }
    }
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
  float* memory = scratch(2 * floats + part_work_floats(a, queries));
  const auto total = sums_at(memory, queries);
  const auto sums = sums_at(memory + floats, queries);
  std::fill_n(memory, floats, 0.0f);
  for (int part = tile.first_part(a); part < tile.end_part(); ++part) {
    attend_part({a, tile, part, memory + 2 * floats, sums});
    merge(a, queries, total, sums);
  }
  store_tile({a, tile, total});
}

// The same with a task for each part.
class DividedTiles {
 public:
  DividedTiles(const AttendArgs& a, const std::vector<AttendTile>& tiles)
      : a_(a), tiles_(tiles) {
    for (const auto& tile : tiles) {
      first_task_.push_back(tasks_);
      first_float_.push_back(floats_);
      const int parts = tile.end_part() - tile.first_part(a);
      tasks_ += parts;
      floats_ += parts * sums_floats(a, tile.queries(a));
    }
    sums_.resize(floats_);
  }

  int tasks() const { return tasks_; }

  void attend(int task) {
    const auto after = std::ranges::upper_bound(first_task_, task);
    const auto tile = static_cast<int>(after - first_task_.begin()) - 1;
    const int part = task - first_task_[tile];
    attend_part(
        {a_, tiles_[tile], tiles_[tile].first_part(a_) + part,
         scratch(part_work_floats(a_, tiles_[tile].queries(a_))),
         sums_of(tile, part)});
  }

  void merge_and_store(int tile) {
    const int queries = tiles_[tile].queries(a_);
    const size_t floats = sums_floats(a_, queries);
    float* memory = scratch(floats);
    std::fill_n(memory, floats, 0.0f);
    const auto total = sums_at(memory, queries);
    const int parts = tiles_[tile].end_part() - tiles_[tile].first_part(a_);
    for (int part = 0; part < parts; ++part) {
      merge(a_, queries, total, sums_of(tile, part));
    }
    store_tile({a_, tiles_[tile], total});
  }

 private:
  AttendSums sums_of(int tile, int part) {
    const int queries = tiles_[tile].queries(a_);
    return sums_at(
        &sums_[first_float_[tile] + part * sums_floats(a_, queries)], queries);
  }

  const AttendArgs& a_;
  const std::vector<AttendTile>& tiles_;
  std::vector<int> first_task_;
  std::vector<size_t> first_float_;
  int tasks_ = 0;
  size_t floats_ = 0;
  std::vector<float> sums_;
};

bool are_few(const std::vector<AttendTile>& tiles, int threads) {
  return threads > 1 && static_cast<int>(tiles.size()) < kFewTasks * threads;
}

} // namespace

void attend(const AttendArgs& args) {
  auto& pool = kernel_pool();
  const auto tiles = tiles_of(args);
  const int count = static_cast<int>(tiles.size());
  if (!are_few(tiles, pool.threads())) {
    pool.run(count, [&](int i) { attend_tile(args, tiles[i]); });
    return;
  }
  DividedTiles divided(args, tiles);
  pool.run(divided.tasks(), [&](int i) { divided.attend(i); });
  pool.run(count, [&](int i) { divided.merge_and_store(i); });
}

} // namespace parallm
