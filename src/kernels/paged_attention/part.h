#pragma once

#include <algorithm>

#include "kernels/paged_attention/attend_part.h"
#include "kernels/paged_attention/later_lines.h"

// What the steps of a part share: scores, weights, values. No MLX here.
// Plain values and functions without state: any thread.
namespace parallm::attending {

using namespace simd;

constexpr int kKeys = 64; // made ready at a time, at most: of one head or more

// How much fits into an instruction set's registers: sums of kMostRows queries
// with kMostVectors vectors each. Six by four are 24 of AVX-512's 32 registers,
// three by two 12 of AVX2's 16.
template <int kMostRows, int kMostVectors, bool kWholeVectors>
struct Registers {
  static constexpr int kRows = kMostRows;
  static constexpr int kVectors = kMostVectors;
  // Whether 64 bytes are one register: else shuffles of them become long code.
  static constexpr bool kWhole = kWholeVectors;
};
using Full = Registers<6, 4, true>;
using Narrow = Registers<3, 2, false>;

// Positions relative to the part's first.
struct Range {
  int first;
  int end;
};

// What the steps below share.
struct Part {
  const AttendArgs& a;
  const AttendTile& tile;
  const int32_t* table;
  int start;   // the part's first position
  int step;    // positions taken of one head before the next head's
  int group;   // queries of a token and a key head
  int queries; // of a key head
  Range seen;  // by any query
  int padded;  // Dv
  // From here on by key head: those of the tile one after the other.
  int kv_head;
  float* q;          // (queries, D padded), or pairs of numbers
  float* keys;       // (D padded, kKeys)
  float* values;     // (kKeys, Dv padded); every head's in turn
  float* scores;     // (queries, kPartPositions)
  float* key_scales; // (kPartPositions)
  float* value_scales;
  AttendSums out;

  // From one head's rows of a block to the next head's.
  size_t head_bytes(const PoolRows& pool) const {
    return pool.row_bytes * a.block_tokens;
  }
};

// The same of head h of the tile.
PARALLM_INLINE Part head_part(const Part& p, int h) {
  Part head = p;
  const size_t queries = static_cast<size_t>(h) * p.queries;
  head.kv_head += h;
  head.q += queries * round_up(p.a.keys.width);
  head.scores += queries * kPartPositions;
  head.key_scales += h * kPartPositions;
  head.value_scales += h * kPartPositions;
  head.out.most += queries;
  head.out.sum += queries;
  head.out.mixed += queries * p.padded;
  return head;
}

PARALLM_INLINE int clamped(int position) {
  return std::clamp(position, 0, kPartPositions);
}

PARALLM_INLINE Range
range_between(const Part& p, int first_query, int last_query) {
  const int first = p.tile.begin + first_query / p.group + 1 - p.start;
  const int last = p.tile.begin + last_query / p.group + 1 - p.start;
  return {p.a.window > 0 ? clamped(first - p.a.window) : 0, clamped(last)};
}

// Calls work.run<n>(first) for blocks of n queries that make up
// all of them. What a query gets does not depend on its block.
template <class Set, class Work>
PARALLM_INLINE void for_blocks(int queries, const Work& work) {
  int i = 0;
  for (; queries - i >= Set::kRows; i += Set::kRows) {
    work.template run<Set::kRows>(i);
  }
  if constexpr (Set::kRows > 4) {
    if (queries - i >= 4) {
      work.template run<4>(i);
      i += 4;
    }
  }
  if constexpr (Set::kRows > 2) {
    if (queries - i >= 2) {
      work.template run<2>(i);
      i += 2;
    }
  }
  for (; i < queries; ++i) {
    work.template run<1>(i);
  }
}

// Rows of `count` positions from `position` on, of the pool's first head; the
// last one also stands for what is missing of 16.
PARALLM_INLINE void find_rows(
    const Part& p,
    const PoolRows& pool,
    int position,
    int count,
    const char** rows) {
  const int block_tokens = p.a.block_tokens;
  const size_t block_bytes = p.head_bytes(pool) * p.a.kv_heads;
  const int32_t* block = p.table + position / block_tokens;
  int place = position % block_tokens;
  for (int i = 0; i < kLanes; ++i) {
    rows[i] = pool.first + *block * block_bytes + place * pool.row_bytes;
    if (i + 1 < count && ++place == block_tokens) {
      place = 0;
      ++block;
    }
  }
}

// Up to 16 rows of positions from `first` on, of which the sequence may have
// less: then its last one, again and again.
PARALLM_INLINE void find_existing_rows(
    const Part& p, const PoolRows& pool, int first, const char** rows) {
  const int last = p.tile.end - 1;
  const int start = std::min(first, last);
  find_rows(p, pool, start, std::min(kLanes, last + 1 - start), rows);
}

// Positions [first, end) of all heads: where their rows lie, those of the
// pool's first head, and where what is read a step later.
struct Step {
  int first;
  int end;
  const char* rows[kKeys];
  const char* later[kKeys];
  size_t later_row_bytes;
  size_t later_head_bytes;
};

// What is read in steps, and what after that.
struct Reading {
  const PoolRows& pool;
  const PoolRows& next;
  int next_position;
};

PARALLM_INLINE void find_step(const Part& p, const Reading& reading, Step& s) {
  const bool ends = s.end >= p.seen.end;
  const PoolRows& later = ends ? reading.next : reading.pool;
  const int position = ends ? reading.next_position : p.start + s.end;
  s.later_row_bytes = later.row_bytes;
  s.later_head_bytes = p.head_bytes(later);
  for (int i = 0; i < s.end - s.first; i += kLanes) {
    find_rows(
        p, reading.pool, p.start + s.first + i,
        std::min(kLanes, s.end - s.first - i), s.rows + i);
    find_existing_rows(p, later, position + i, s.later + i);
  }
}

// Calls work.run(p, step) for each step's positions, of all heads. So a block,
// which has the tokens of one head after those of another, is read from its
// first byte to its last.
template <class Work>
PARALLM_INLINE void for_steps(
    const Part& p, const Reading& reading, const Work& work) {
  Step step;
  for (int at = p.seen.first / kLanes * kLanes; at < p.seen.end;
       at = step.end) {
    step.first = at;
    step.end = std::min((at / p.step + 1) * p.step, p.seen.end);
    find_step(p, reading, step);
    work.run(p, step);
  }
}

// Of the head's 16 positions from `at` on, a step later.
PARALLM_INLINE LaterLines later_lines(const Part& p, const Step& step, int at) {
  return {
      step.later + (at - step.first), p.kv_head * step.later_head_bytes,
      step.later_row_bytes};
}

// The scores of all queries with the keys that they see, not yet scaled.
void score_part(const Part& part);
// Makes weights of the scores, and sums them.
void weigh_part(const Part& part);
// Sums the values by their weights.
void mix_part(const Part& part);

} // namespace parallm::attending
