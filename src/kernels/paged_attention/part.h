#pragma once

#include <algorithm>

#include "kernels/paged_attention/attend_part.h"

// What the steps of a part share: scores, weights, values. No MLX here.
// Plain values and functions without state: any thread.
namespace parallm::attending {

using namespace simd;

constexpr int kKeys = 64;  // turned at a time, and read ahead
constexpr int kAhead = 64; // positions that are fetched while others are used

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
  int start; // the part's first position
  int group; // queries of a token
  int queries;
  Range seen;        // by any query
  int padded;        // Dv
  float* q;          // (queries, D padded), or pairs of numbers
  float* keys;       // (D padded, kKeys)
  float* values;     // (kKeys, Dv padded)
  float* scores;     // (queries, kPartPositions)
  float* key_scales; // (kPartPositions)
  float* value_scales;
  AttendSums out;
};

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

// Rows of `count` positions from `position` on; the last one also stands for
// what is missing of 16.
PARALLM_INLINE void find_rows(
    const Part& p,
    const PoolRows& pool,
    int position,
    int count,
    const char* (&rows)[kLanes]) {
  const int block_tokens = p.a.block_tokens, heads = p.a.kv_heads;
  const size_t row_bytes = pool.row_bytes;
  const int32_t* block = p.table + position / block_tokens;
  int place = position % block_tokens;
  const auto row_at = [&] {
    const size_t run = static_cast<size_t>(*block) * heads + p.tile.kv_head;
    return pool.first + (run * block_tokens + place) * row_bytes;
  };
  const char* row = row_at();
  for (int i = 0; i < kLanes; ++i) {
    rows[i] = row;
    if (i + 1 < count) {
      row += row_bytes;
      if (++place == block_tokens) {
        place = 0;
        ++block;
        row = row_at();
      }
    }
  }
}

// Up to 16 rows of positions from `first` on, of which the sequence may have
// less: then its last one, again and again.
PARALLM_INLINE void find_existing_rows(
    const Part& p,
    const PoolRows& pool,
    int first,
    const char* (&rows)[kLanes]) {
  const int last = p.tile.end - 1;
  const int start = std::min(first, last);
  find_rows(p, pool, start, std::min(kLanes, last + 1 - start), rows);
}

// The scores of all queries with the keys that they see, not yet scaled.
void score_part(const Part& part);
// Makes weights of the scores, and sums them.
void weigh_part(const Part& part);
// Sums the values by their weights.
void mix_part(const Part& part);

#if defined(__x86_64__)
#define PARALLM_ON_AVX2 __attribute__((target("avx2,fma,f16c")))
#define PARALLM_AVX512 "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c"
#define PARALLM_ON_AVX512 __attribute__((target(PARALLM_AVX512)))
#define PARALLM_ON_AVX512_BF16 \
  __attribute__((target(PARALLM_AVX512 ",avx512bf16")))
#endif

} // namespace parallm::attending
