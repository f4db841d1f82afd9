#pragma once

#include "kernels/paged_attention/attend.h"

// The steps of `attend`, each for a tile of queries. A sequence's positions are
// divided into parts of a fixed size, counted from its first. A part is summed
// by itself, and the parts are merged in order: so nothing depends on who sums
// them, nor on what else is in the tile. No MLX here.
// Plain values and functions without state: any thread.
namespace parallm {

inline constexpr int kPartPositions = 256;

// Tokens of a row of the step, with some key heads and the query heads that
// share them. Its queries are numbered by key head, then token, then head.
struct AttendTile {
  int row = 0;
  int begin = 0; // positions [begin, end) in its sequence
  int end = 0;
  int kv_head = 0; // the first
  int kv_heads = 1;

  int head_queries(const AttendArgs& a) const { // of one key head
    return (end - begin) * (a.heads / a.kv_heads);
  }
  int queries(const AttendArgs& a) const { return kv_heads * head_queries(a); }
  // Parts [first_part, end_part) have what it sees.
  int first_part(const AttendArgs& a) const {
    const int first = a.window > 0 ? begin + 1 - a.window : 0;
    return first > 0 ? first / kPartPositions : 0;
  }
  int end_part() const { return (end - 1) / kPartPositions + 1; }
};

// What queries have gathered from positions: the softmax's largest score, the
// sum of its weights relative to that, and the values so weighed. A sum of 0 is
// that of no position. n queries take (Dv padded + 2) n floats.
struct AttendSums {
  float* most = nullptr;  // (n)
  float* sum = nullptr;   // (n)
  float* mixed = nullptr; // (n, Dv padded)
};

// Floats of working memory for a part of a tile.
size_t part_work_floats(const AttendArgs& args, const AttendTile& tile);

struct AttendPart {
  const AttendArgs& args;
  AttendTile tile;
  int part = 0;
  float* work = nullptr;
  AttendSums out;
};
void attend_part(const AttendPart& part);

struct AttendMerge {
  int queries = 0;
  int padded = 0; // Dv
  AttendSums total;
  AttendSums part;
};
void merge_part(const AttendMerge& merge);

// Adds the sinks, divides by the sums, and writes the tile's part of `out`.
struct AttendStore {
  const AttendArgs& args;
  AttendTile tile;
  AttendSums total;
};
void store_tile(const AttendStore& store);

} // namespace parallm
