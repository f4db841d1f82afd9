#include "kernels/paged_attention/attend_part.h"

#include <algorithm>
#include <cmath>

#include "kernels/paged_attention/exp_below.h"
#include "kernels/paged_attention/turned_keys.h"
#include "kernels/paged_attention/word_numbers.h"
#include "kernels/vector_math.h"

namespace parallm {
namespace {

using namespace simd;

constexpr int kKeys = 64;  // turned at a time, and read ahead
constexpr int kAhead = 64; // positions that are fetched while others are used

// How instruction sets differ: by what fits into registers, `kRows` queries
// with `kVectors` vectors each, and by the product of a query's numbers with
// vectors of keys.
template <int kMostRows, int kMostVectors, bool kWholeVectors>
struct Wide {
  static constexpr int kRows = kMostRows;
  static constexpr int kVectors = kMostVectors;
  static constexpr bool kPairs = false;
  // Whether 64 bytes are one register: else shuffles of them become long code.
  static constexpr bool kWhole = kWholeVectors;

  static PARALLM_INLINE void multiply_add(
      Floats& sum, const float* q, const Floats& keys) {
    sum += *q * keys;
  }
};

#if defined(__x86_64__)
// Two products of bfloat16 at once, each exact, added one after the other.
struct Pairs {
  static constexpr int kRows = 6;
  static constexpr int kVectors = 4;
  static constexpr bool kPairs = true;
  static constexpr bool kWhole = true;

  static PARALLM_INLINE void multiply_add(
      Floats& sum, const float* q, const Floats& keys) {
    uint32_t pair;
    std::memcpy(&pair, q, sizeof(pair));
    const Words pairs = Words{} + pair;
    Floats next = sum; // in a register
    asm("vdpbf16ps %2, %1, %0" : "+v"(next) : "v"(pairs), "v"(keys));
    sum = next;
  }
};
#endif

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

PARALLM_INLINE Part part_of(const AttendPart& args) {
  const AttendArgs& a = args.args;
  const int group = a.heads / a.kv_heads;
  const int queries = args.tile.queries(a);
  const int width = round_up(a.keys.width), padded = round_up(a.values.width);
  float* q = args.work;
  float* keys = q + size_t{1} * queries * width;
  float* values = keys + size_t{kKeys} * width;
  float* scores = values + size_t{kKeys} * padded;
  float* scales = scores + size_t{kPartPositions} * queries;
  Part p{
      a,
      args.tile,
      a.tables + static_cast<size_t>(args.tile.row) * a.table_width,
      args.part * kPartPositions,
      group,
      queries,
      {},
      padded,
      q,
      keys,
      values,
      scores,
      scales,
      scales + kPartPositions,
      args.out};
  p.seen = range_between(p, 0, queries - 1);
  return p;
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

template <class Set>
PARALLM_INLINE void load_queries(const Part& p) {
  const int width = p.a.keys.width, padded = round_up(width);
  const size_t head_bytes = width * float_bytes(p.a.q_type);
  const AttendRow& row = p.a.rows[p.tile.row];
  const int token = row.first_token + p.tile.begin - row.begin;
  for (int i = 0; i < p.queries; ++i) {
    const size_t head = static_cast<size_t>(token + i / p.group) * p.a.heads +
                        p.tile.kv_head * p.group + i % p.group;
    const char* from = static_cast<const char*>(p.a.q) + head * head_bytes;
    float* to = p.q + static_cast<size_t>(i) * padded;
    if constexpr (Set::kPairs) {
      to[(width - 1) / 2] = 0; // an odd width's last pair has but one number
      std::memcpy(to, from, head_bytes);
    } else {
      load_row(p.a.q_type, to, from, width);
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

// What is to be read some time after the keys at `at`, to be fetched meanwhile:
// later keys, then values. Memory is slow to answer, but answers many at once.
PARALLM_INLINE void find_ahead_of_keys(
    const Part& p, int at, const char* (&rows)[kLanes]) {
  const int later = at + kAhead;
  if (later < p.seen.end) {
    find_existing_rows(p, p.a.keys, p.start + later, rows);
  } else {
    const int first = p.seen.first / kLanes * kLanes;
    find_existing_rows(p, p.a.values, p.start + first + at % kAhead, rows);
  }
}

// The same of values: later ones, then the keys of the next part.
PARALLM_INLINE void find_ahead_of_values(
    const Part& p, int at, const char* (&rows)[kLanes]) {
  const int later = at + kAhead;
  if (later < p.seen.end) {
    find_existing_rows(p, p.a.values, p.start + later, rows);
  } else {
    find_existing_rows(
        p, p.a.keys, p.start + kPartPositions + at % kAhead, rows);
  }
}

template <class Set, StoredType kType>
PARALLM_INLINE void turn_keys_of(const Part& p, int first, int end) {
  for (int at = first; at < end; at += kLanes) {
    const char* rows[kLanes];
    const char* ahead[kLanes];
    find_rows(p, p.a.keys, p.start + at, std::min(kLanes, end - at), rows);
    find_ahead_of_keys(p, at, ahead);
    if constexpr (has_scale(kType)) {
      for (int i = 0; i < kLanes; ++i) {
        std::memcpy(&p.key_scales[at + i], rows[i], sizeof(float));
        rows[i] += kKvScaleBytes;
      }
    }
    float* out = p.keys + at % kKeys;
    if constexpr (Set::kPairs) {
      turn_key_pairs<kType>(rows, ahead, p.a.keys.width, out, kKeys);
    } else {
      turn_keys<kType, Set::kWhole>(rows, ahead, p.a.keys.width, out, kKeys);
    }
  }
}

template <class Set>
PARALLM_INLINE void turn_keys_of(const Part& p, int first, int end) {
  if (p.a.pool_type == StoredType::kBF16) {
    turn_keys_of<Set, StoredType::kBF16>(p, first, end);
  } else if (p.a.pool_type == StoredType::kI8) {
    turn_keys_of<Set, StoredType::kI8>(p, first, end);
  } else if constexpr (!Set::kPairs) {
    if (p.a.pool_type == StoredType::kF32) {
      turn_keys_of<Set, StoredType::kF32>(p, first, end);
    } else {
      turn_keys_of<Set, StoredType::kF16>(p, first, end);
    }
  }
}

// Products of kRows queries with 16 kVectors keys, each summed number by
// number.
template <class Set, int kRows, int kVectors>
PARALLM_INLINE void score_block(
    const float* q, int q_stride, const float* keys, int depth, float* scores) {
  Floats sums[kRows][kVectors] = {};
  for (int d = 0; d < depth; ++d) {
    Floats key[kVectors];
#pragma GCC unroll 4
    for (int n = 0; n < kVectors; ++n) {
      std::memcpy(&key[n], keys + d * kKeys + n * kLanes, sizeof(Floats));
    }
#pragma GCC unroll 8
    for (int m = 0; m < kRows; ++m) {
#pragma GCC unroll 4
      for (int n = 0; n < kVectors; ++n) {
        Set::multiply_add(sums[m][n], q + m * q_stride + d, key[n]);
      }
    }
  }
#pragma GCC unroll 8
  for (int m = 0; m < kRows; ++m) {
#pragma GCC unroll 4
    for (int n = 0; n < kVectors; ++n) {
      std::memcpy(
          scores + m * kPartPositions + n * kLanes, &sums[m][n],
          sizeof(Floats));
    }
  }
}

// Of blocks of queries with the keys that are turned, [first, end).
template <class Set>
struct Score {
  const Part& p;
  int first;
  int end;

  template <int kRows>
  PARALLM_INLINE void run(int query) const {
    const int padded = round_up(p.a.keys.width);
    const int depth = Set::kPairs ? (p.a.keys.width + 1) / 2 : p.a.keys.width;
    const Range range = range_between(p, query, query + kRows - 1);
    const float* q = p.q + static_cast<size_t>(query) * padded;
    float* scores = p.scores + static_cast<size_t>(query) * kPartPositions;
    int at = std::max(first, range.first / kLanes * kLanes);
    const int stop = std::min(end, range.end);
    for (; at < stop;) {
      const float* keys = p.keys + at % kKeys;
      if (stop - at > (Set::kVectors - 1) * kLanes &&
          at % kKeys + Set::kVectors * kLanes <= kKeys) {
        score_block<Set, kRows, Set::kVectors>(
            q, padded, keys, depth, scores + at);
        at += Set::kVectors * kLanes;
      } else {
        score_block<Set, kRows, 1>(q, padded, keys, depth, scores + at);
        at += kLanes;
      }
    }
  }
};

PARALLM_INLINE float most_of(const Floats& v) {
  float lane[kLanes];
  std::memcpy(lane, &v, sizeof(v));
  float most = lane[0];
  for (int i = 1; i < kLanes; ++i) {
    most = lane[i] > most ? lane[i] : most;
  }
  return most;
}

// Whether scores are as they are, but for a scale above 0.
PARALLM_INLINE bool are_plain(const Part& p) {
  return !has_scale(p.a.pool_type) && !(p.a.softcap > 0) && p.a.scale > 0;
}

// Scales and caps vector v of a query's scores.
PARALLM_INLINE void finish_scores(const Part& p, int v, Floats& score) {
  score *= p.a.scale;
  if (has_scale(p.a.pool_type)) {
    Floats scale;
    std::memcpy(&scale, p.key_scales + v * kLanes, sizeof(scale));
    score *= scale;
  }
  if (p.a.softcap > 0) {
    const Floats ratio = score / p.a.softcap;
    tanh(score, ratio);
    score *= p.a.softcap;
  }
}

// Hides what the query does not see of vector v.
PARALLM_INLINE void hide(const Range& range, int v, Floats& score) {
  const Ints place =
      Ints{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15} + v * kLanes;
  score = place < range.first ? Floats{} - INFINITY : score;
  score = place >= range.end ? Floats{} - INFINITY : score;
}

// Makes scores ready to be compared; the largest.
PARALLM_INLINE float most_of_scores(
    const Part& p, const Range& range, float* scores) {
  const bool plain = are_plain(p);
  Floats most = Floats{} - INFINITY, score;
  for (int v = range.first / kLanes; v * kLanes < range.end; ++v) {
    std::memcpy(&score, scores + v * kLanes, sizeof(score));
    const bool hides = v * kLanes < range.first || (v + 1) * kLanes > range.end;
    if (!plain) {
      finish_scores(p, v, score);
    }
    if (hides) {
      hide(range, v, score);
    }
    if (!plain || hides) {
      std::memcpy(scores + v * kLanes, &score, sizeof(score));
    }
    most = score > most ? score : most;
  }
  return most_of(most);
}

// Scores become weights relative to that of the largest, times the scale of
// the values; 0 for what other queries of the tile see and this one does not.
PARALLM_INLINE void weigh(const Part& p, int query) {
  const Range range = range_between(p, query, query);
  float* scores = p.scores + static_cast<size_t>(query) * kPartPositions;
  const float factor = are_plain(p) ? p.a.scale : 1.0f;
  const float most = most_of_scores(p, range, scores) * factor;
  const bool scaled = has_scale(p.a.pool_type);
  const int first = range.first / kLanes * kLanes;
  const int begin = p.seen.first / kLanes * kLanes, end = p.seen.end;
  Floats sum{};
  for (int at = begin; at < first; at += kLanes) {
    std::memset(scores + at, 0, sizeof(Floats));
  }
  int at = first;
  for (; at < range.end; at += kLanes) {
    Floats score, weight;
    std::memcpy(&score, scores + at, sizeof(score));
    score = score * factor - most;
    exp_below(weight, score);
    sum += weight;
    if (scaled) {
      Floats scale;
      std::memcpy(&scale, p.value_scales + at, sizeof(scale));
      weight *= scale;
    }
    std::memcpy(scores + at, &weight, sizeof(weight));
  }
  for (; at < end; at += kLanes) {
    std::memset(scores + at, 0, sizeof(Floats));
  }
  p.out.most[query] = most;
  p.out.sum[query] = simd::sum(sum);
}

template <StoredType kType>
PARALLM_INLINE void load_values(const Part& p, int first, int end) {
  for (int at = first; at < end; at += kLanes) {
    const char* rows[kLanes];
    const int count = std::min(kLanes, end - at);
    find_rows(p, p.a.values, p.start + at, count, rows);
    for (int i = 0; i < count; ++i) {
      const char* from = rows[i] + (has_scale(kType) ? kKvScaleBytes : 0);
      float* to = p.values + static_cast<size_t>(at % kKeys + i) * p.padded;
      for (int d = 0; d < p.padded; d += kLanes) {
        Floats value;
        load_stored<kType>(
            value, from + d * stored_bytes(kType), p.a.values.width - d);
        std::memcpy(to + d, &value, sizeof(value));
      }
    }
  }
}

PARALLM_INLINE void load_values(const Part& p, int first, int end) {
  switch (p.a.pool_type) {
    case StoredType::kF32:
      return load_values<StoredType::kF32>(p, first, end);
    case StoredType::kF16:
      return load_values<StoredType::kF16>(p, first, end);
    case StoredType::kBF16:
      return load_values<StoredType::kBF16>(p, first, end);
    case StoredType::kI8:
      return load_values<StoredType::kI8>(p, first, end);
  }
}

// The scales of values are wanted before the values.
PARALLM_INLINE void load_value_scales(const Part& p) {
  for (int at = p.seen.first / kLanes * kLanes; at < p.seen.end; at += kLanes) {
    const char* rows[kLanes];
    find_rows(
        p, p.a.values, p.start + at, std::min(kLanes, p.seen.end - at), rows);
    for (int i = 0; i < kLanes; ++i) {
      std::memcpy(&p.value_scales[at + i], rows[i], sizeof(float));
    }
  }
}

// Adds to kRows queries' 16 kVectors numbers the values [first, end), weighed,
// one after the other.
template <int kRows, int kVectors>
PARALLM_INLINE void mix_block(
    const float* weights,
    const float* values,
    int padded,
    int count,
    float* mixed) {
  Floats sums[kRows][kVectors];
#pragma GCC unroll 8
  for (int m = 0; m < kRows; ++m) {
#pragma GCC unroll 4
    for (int n = 0; n < kVectors; ++n) {
      std::memcpy(&sums[m][n], mixed + m * padded + n * kLanes, sizeof(Floats));
    }
  }
  for (int k = 0; k < count; ++k) {
    Floats value[kVectors];
    const float* from = values + static_cast<size_t>(k) * padded;
#pragma GCC unroll 4
    for (int n = 0; n < kVectors; ++n) {
      std::memcpy(&value[n], from + n * kLanes, sizeof(Floats));
    }
#pragma GCC unroll 8
    for (int m = 0; m < kRows; ++m) {
#pragma GCC unroll 4
      for (int n = 0; n < kVectors; ++n) {
        sums[m][n] += weights[m * kPartPositions + k] * value[n];
      }
    }
  }
#pragma GCC unroll 8
  for (int m = 0; m < kRows; ++m) {
#pragma GCC unroll 4
    for (int n = 0; n < kVectors; ++n) {
      std::memcpy(mixed + m * padded + n * kLanes, &sums[m][n], sizeof(Floats));
    }
  }
}

template <class Set>
struct Mix {
  const Part& p;
  int first;
  int end;

  template <int kRows>
  PARALLM_INLINE void run(int query) const {
    const Range range = range_between(p, query, query + kRows - 1);
    const int from = std::max(first, range.first);
    const int count = std::min(end, range.end) - from;
    const float* values =
        p.values + static_cast<size_t>(from % kKeys) * p.padded;
    const float* weights =
        p.scores + static_cast<size_t>(query) * kPartPositions + from;
    float* mixed = p.out.mixed + static_cast<size_t>(query) * p.padded;
    constexpr int kWidth = Set::kVectors * kLanes;
    int d = 0;
    for (; d + kWidth <= p.padded; d += kWidth) {
      mix_block<kRows, Set::kVectors>(
          weights, values + d, p.padded, count, mixed + d);
    }
    for (; d < p.padded; d += kLanes) {
      mix_block<kRows, 1>(weights, values + d, p.padded, count, mixed + d);
    }
  }
};

// The few queries of a token take values as they lie, without widening them for
// others first. A word holds kParts numbers, which go to as many sums.
template <int kRows, int kWords, StoredType kType>
PARALLM_INLINE void mix_words(const Part& p, int first_number) {
  constexpr int kParts = sizeof(float) / stored_bytes(kType);
  Floats sums[kRows][kWords][kParts] = {};
  const size_t skip = has_scale(kType) ? kKvScaleBytes : 0;
  const size_t offset = skip + first_number * stored_bytes(kType);
  for (int at = p.seen.first / kLanes * kLanes; at < p.seen.end; at += kLanes) {
    const char* rows[kLanes];
    const char* ahead[kLanes];
    find_rows(
        p, p.a.values, p.start + at, std::min(kLanes, p.seen.end - at), rows);
    find_ahead_of_values(p, at, ahead);
    const float* weights = p.scores + at;
    const int begin = std::max(0, p.seen.first - at);
    const int end = std::min(kLanes, p.seen.end - at);
    for (int i = begin; i < end; ++i) {
#pragma GCC unroll 8
      for (int n = 0; n < kWords; ++n) {
        const size_t place = offset + n * sizeof(Words);
        __builtin_prefetch(ahead[i] + place);
        Words words;
        std::memcpy(&words, rows[i] + place, sizeof(words));
#pragma GCC unroll 4
        for (int j = 0; j < kParts; ++j) {
          Floats value;
          number_of_words<kType>(value, words, j);
#pragma GCC unroll 8
          for (int m = 0; m < kRows; ++m) {
            sums[m][n][j] += weights[m * kPartPositions + i] * value;
          }
        }
      }
    }
  }
#pragma GCC unroll 8
  for (int m = 0; m < kRows; ++m) {
#pragma GCC unroll 8
    for (int n = 0; n < kWords; ++n) {
      store_in_order(
          p.out.mixed + static_cast<size_t>(m) * p.padded + first_number +
              n * kLanes * kParts,
          sums[m][n]);
    }
  }
}

template <class Set, int kRows, StoredType kType>
PARALLM_INLINE void mix_few_of(const Part& p) {
  constexpr int kParts = sizeof(float) / stored_bytes(kType);
  constexpr int kWords = std::max(1, 16 / kRows / kParts);
  constexpr int kWidth = kLanes * kParts;
  int d = 0;
  for (; d + kWords * kWidth <= p.a.values.width; d += kWords * kWidth) {
    mix_words<kRows, kWords, kType>(p, d);
  }
  for (; d < p.a.values.width; d += kWidth) {
    mix_words<kRows, 1, kType>(p, d);
  }
}

template <class Set, StoredType kType>
PARALLM_INLINE bool mix_few_of(const Part& p) {
  switch (p.queries) {
    case 1:
      mix_few_of<Set, 1, kType>(p);
      return true;
    case 2:
      mix_few_of<Set, 2, kType>(p);
      return true;
    case 3:
      mix_few_of<Set, 3, kType>(p);
      return true;
    case 4:
      mix_few_of<Set, 4, kType>(p);
      return true;
    default:
      return false;
  }
}

// False: they are too many, or their values do not fill whole vectors.
template <class Set>
PARALLM_INLINE bool mix_few(const Part& p) {
  if (p.a.pool_type == StoredType::kBF16 && p.a.values.width % 32 == 0) {
    return mix_few_of<Set, StoredType::kBF16>(p);
  }
  if (p.a.pool_type == StoredType::kI8 && p.a.values.width % 64 == 0) {
    return mix_few_of<Set, StoredType::kI8>(p);
  }
  return false;
}

template <class Set>
PARALLM_INLINE void mix_many(const Part& p) {
  std::fill_n(p.out.mixed, static_cast<size_t>(p.queries) * p.padded, 0.0f);
  for (int at = p.seen.first / kLanes * kLanes; at < p.seen.end;
       at = (at / kKeys + 1) * kKeys) {
    const int end = std::min((at / kKeys + 1) * kKeys, p.seen.end);
    load_values(p, at, end);
    for_blocks<Set>(p.queries, Mix<Set>{p, at, end});
  }
}

// The three steps of a part.
template <class Set>
PARALLM_INLINE void score_with(const Part& p) {
  load_queries<Set>(p);
  for (int at = p.seen.first / kLanes * kLanes; at < p.seen.end;
       at = (at / kKeys + 1) * kKeys) {
    const int end = std::min((at / kKeys + 1) * kKeys, p.seen.end);
    turn_keys_of<Set>(p, at, end);
    for_blocks<Set>(p.queries, Score<Set>{p, at, end});
  }
}

PARALLM_INLINE void weigh_all(const Part& p) {
  if (has_scale(p.a.pool_type)) {
    load_value_scales(p);
  }
  for (int i = 0; i < p.queries; ++i) {
    weigh(p, i);
  }
}

template <class Set>
PARALLM_INLINE void mix_with(const Part& p) {
  if constexpr (Set::kWhole) {
    if (mix_few<Set>(p)) {
      return;
    }
  }
  mix_many<Set>(p);
}

PARALLM_INLINE float exp_of(float x) {
  const Floats all = Floats{} + x;
  Floats power;
  exp_below(power, all);
  return power[0];
}

PARALLM_INLINE void merge_body(const AttendMerge& args) {
  const auto& [queries, padded, total, part] = args;
  for (int i = 0; i < queries; ++i) {
    if (part.sum[i] == 0) {
      continue;
    }
    const bool first = total.sum[i] == 0;
    const float most =
        first || part.most[i] > total.most[i] ? part.most[i] : total.most[i];
    const float before = first ? 0 : exp_of(total.most[i] - most);
    const float here = exp_of(part.most[i] - most);
    total.sum[i] = total.sum[i] * before + part.sum[i] * here;
    total.most[i] = most;
    float* to = total.mixed + static_cast<size_t>(i) * padded;
    const float* from = part.mixed + static_cast<size_t>(i) * padded;
    for (int d = 0; d < padded; d += kLanes) {
      Floats a, b;
      std::memcpy(&a, to + d, sizeof(a));
      std::memcpy(&b, from + d, sizeof(b));
      a = a * before + b * here;
      std::memcpy(to + d, &a, sizeof(a));
    }
  }
}

PARALLM_INLINE void store_body(const AttendStore& store) {
  const AttendArgs& a = store.args;
  const AttendTile& tile = store.tile;
  const int group = a.heads / a.kv_heads, width = a.values.width;
  const int padded = round_up(width), queries = tile.queries(a);
  const AttendRow& row = a.rows[tile.row];
  const int token = row.first_token + tile.begin - row.begin;
  for (int i = 0; i < queries; ++i) {
    const int head = tile.kv_head * group + i % group;
    float sum = store.total.sum[i];
    float share = 1;
    if (a.sinks != nullptr) {
      const float most = std::max(store.total.most[i], a.sinks[head]);
      share = exp_of(store.total.most[i] - most);
      sum = sum * share + exp_of(a.sinks[head] - most);
    }
    float* mixed = store.total.mixed + static_cast<size_t>(i) * padded;
    for (int d = 0; d < padded; ++d) {
      mixed[d] = mixed[d] * share / sum;
    }
    const size_t at = static_cast<size_t>(token + i / group) * a.heads + head;
    store_row(
        a.q_type,
        static_cast<char*>(a.out) + at * width * float_bytes(a.q_type), mixed,
        width);
  }
}

// Six queries by 64 keys are 24 of AVX-512's 32 registers; three by 32 keys are
// 12 of AVX2's 16.
using Full = Wide<6, 4, true>;
using Narrow = Wide<3, 2, false>;

PARALLM_MULTIVERSION(weigh_on_any, weigh_all, Part)
PARALLM_MULTIVERSION(merge_on_any, merge_body, AttendMerge)
PARALLM_MULTIVERSION(store_on_any, store_body, AttendStore)

#if defined(__x86_64__)

#define PARALLM_AVX512 "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c"

__attribute__((target(PARALLM_AVX512 ",avx512bf16"))) void score_bf16(
    const Part& part) {
  score_with<Pairs>(part);
}

__attribute__((target(PARALLM_AVX512))) void score_avx512(const Part& part) {
  score_with<Full>(part);
}

__attribute__((target("avx2,fma,f16c"))) void score_avx2(const Part& part) {
  score_with<Narrow>(part);
}

__attribute__((target(PARALLM_AVX512))) void mix_avx512(const Part& part) {
  mix_with<Full>(part);
}

__attribute__((target("avx2,fma,f16c"))) void mix_avx2(const Part& part) {
  mix_with<Narrow>(part);
}

#endif

void score_baseline(const Part& part) {
  score_with<Narrow>(part);
}

void mix_baseline(const Part& part) {
  mix_with<Narrow>(part);
}

[[maybe_unused]] bool has_pairs(const AttendArgs& a) {
  return a.q_type == FloatType::kBF16 &&
         (a.pool_type == StoredType::kBF16 || a.pool_type == StoredType::kI8);
}

struct Kernels {
  void (*score)(const Part&);
  void (*mix)(const Part&);
};

Kernels kernels_of([[maybe_unused]] const AttendArgs& a) {
  switch (instruction_set()) {
#if defined(__x86_64__)
    case InstructionSet::kAvx512Bf16:
      return {has_pairs(a) ? score_bf16 : score_avx512, mix_avx512};
    case InstructionSet::kAvx512:
    case InstructionSet::kAvx512Vnni:
      return {score_avx512, mix_avx512};
    case InstructionSet::kAvx2:
      return {score_avx2, mix_avx2};
#endif
    default:
      return {score_baseline, mix_baseline};
  }
}

} // namespace

size_t part_work_floats(const AttendArgs& a, int queries) {
  const size_t key = round_up(a.keys.width), value = round_up(a.values.width);
  return queries * (key + kPartPositions) + kKeys * (key + value) +
         2 * kPartPositions;
}

void attend_part(const AttendPart& args) {
  const Part part = part_of(args);
  const Kernels kernels = kernels_of(args.args);
  kernels.score(part);
  weigh_on_any(part);
  kernels.mix(part);
}

void merge_part(const AttendMerge& merge) {
  merge_on_any(merge);
}

void store_tile(const AttendStore& store) {
  store_on_any(store);
}

} // namespace parallm
