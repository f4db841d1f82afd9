#include "kernels/bfloat16_pairs.h"
#include "kernels/paged_attention/part.h"
#include "kernels/paged_attention/turned_keys.h"

namespace parallm::attending {
namespace {

// The product of a query's numbers with vectors of keys, as float32.
template <class Registers>
struct Wide : Registers {
  static constexpr bool kPairs = false;

  static PARALLM_INLINE void multiply_add(
      Floats& sum, const float* q, const Floats& keys) {
    sum += *q * keys;
  }
};

#if defined(__x86_64__)
// Two products of bfloat16 at once, each exact, added one after the other.
struct Pairs : Full {
  static constexpr bool kPairs = true;

  static PARALLM_INLINE void multiply_add(
      Floats& sum, const float* q, const Floats& keys) {
    uint32_t pair;
    std::memcpy(&pair, q, sizeof(pair));
    Words all;
    bit_cast(all, keys);
    add_pair_products(sum, Words{} + pair, all);
  }
};
#endif

template <class Set>
PARALLM_INLINE void load_queries(const Part& p) {
  const int width = p.a.keys.width, padded = round_up(width);
  const size_t head_bytes = width * float_bytes(p.a.q_type);
  const AttendRow& row = p.a.rows[p.tile.row];
  const int token = row.first_token + p.tile.begin - row.begin;
  for (int i = 0; i < p.queries; ++i) {
    const size_t head = static_cast<size_t>(token + i / p.group) * p.a.heads +
                        p.kv_head * p.group + i % p.group;
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

// Of a head's positions of a step; those of its first go to `out`.
template <class Set, StoredType kType>
PARALLM_INLINE void turn_keys_of(const Part& p, const Step& step, float* out) {
  size_t offset = p.kv_head * p.head_bytes(p.a.keys);
  for (int at = step.first; at < step.end; at += kLanes, out += kLanes) {
    const char* const* rows = step.rows + (at - step.first);
    auto later = later_lines(p, step, at);
    if constexpr (has_scale(kType)) {
      for (int i = 0; i < kLanes; ++i) {
        std::memcpy(&p.key_scales[at + i], rows[i] + offset, sizeof(float));
      }
    }
    const size_t numbers = offset + (has_scale(kType) ? kKvScaleBytes : 0);
    const TurnedKeys turned{rows, numbers, p.a.keys.width, out, kKeys};
    if constexpr (Set::kPairs) {
      turn_key_pairs<kType>(turned, later);
    } else {
      turn_keys<kType, Set::kWhole>(turned, later);
    }
  }
}

template <class Set>
PARALLM_INLINE void turn_keys_of(const Part& p, const Step& step, float* out) {
  if (p.a.pool_type == StoredType::kBF16) {
    turn_keys_of<Set, StoredType::kBF16>(p, step, out);
  } else if (p.a.pool_type == StoredType::kI8) {
    turn_keys_of<Set, StoredType::kI8>(p, step, out);
  } else if constexpr (!Set::kPairs) {
    if (p.a.pool_type == StoredType::kF32) {
      turn_keys_of<Set, StoredType::kF32>(p, step, out);
    } else {
      turn_keys_of<Set, StoredType::kF16>(p, step, out);
    }
  }
}

// Neighbours among the turned keys, in vectors of 16, with the queries of each:
// the same ones, or those of each vector's own head.
struct ScoreArgs {
  const float* q; // of the first vector
  size_t q_step;  // to the next vector's
  const float* keys;
  float* scores;
  size_t scores_step;
};

// Products of kRows queries with 16 kVectors keys, each summed number by
// number.
template <class Set, int kRows, int kVectors>
PARALLM_INLINE void score_block(const Part& p, const ScoreArgs& s) {
  const int width = p.a.keys.width, q_stride = round_up(width);
  const int depth = Set::kPairs ? (width + 1) / 2 : width;
  Floats sums[kRows][kVectors] = {};
  for (int d = 0; d < depth; ++d) {
    Floats key[kVectors];
#pragma GCC unroll 4
    for (int n = 0; n < kVectors; ++n) {
      std::memcpy(&key[n], s.keys + d * kKeys + n * kLanes, sizeof(Floats));
    }
#pragma GCC unroll 8
    for (int m = 0; m < kRows; ++m) {
#pragma GCC unroll 4
      for (int n = 0; n < kVectors; ++n) {
        Set::multiply_add(
            sums[m][n], s.q + n * s.q_step + m * q_stride + d, key[n]);
      }
    }
  }
#pragma GCC unroll 8
  for (int m = 0; m < kRows; ++m) {
#pragma GCC unroll 4
    for (int n = 0; n < kVectors; ++n) {
      std::memcpy(
          s.scores + n * s.scores_step + m * kPartPositions, &sums[m][n],
          sizeof(Floats));
    }
  }
}

PARALLM_INLINE const float* query_numbers(const Part& p, int query) {
  return p.q + static_cast<size_t>(query) * round_up(p.a.keys.width);
}

PARALLM_INLINE float* query_scores(const Part& p, int query) {
  return p.scores + static_cast<size_t>(query) * kPartPositions;
}

// Of blocks of queries with the keys that are turned, [first, end).
template <class Set>
struct Score {
  const Part& p;
  int first;
  int end;

  template <int kRows>
  PARALLM_INLINE void run(int query) const {
    const Range range = range_between(p, query, query + kRows - 1);
    int at = std::max(first, range.first / kLanes * kLanes);
    const int stop = std::min(end, range.end);
    while (at < stop) {
      const ScoreArgs s{
          query_numbers(p, query), 0, p.keys + (at - first),
          query_scores(p, query) + at, kLanes};
      if (stop - at > (Set::kVectors - 1) * kLanes) {
        score_block<Set, kRows, Set::kVectors>(p, s);
        at += Set::kVectors * kLanes;
      } else {
        score_block<Set, kRows, 1>(p, s);
        at += kLanes;
      }
    }
  }
};

// The same of kHeads heads, whose 16 keys are neighbours: few queries with one
// head's keys would wait for their own sums.
template <class Set, int kHeads>
struct ScoreHeads {
  const Part& p; // of the first
  int first;

  template <int kRows>
  PARALLM_INLINE void run(int query) const {
    const Range seen = range_between(p, query, query + kRows - 1);
    if (seen.first >= first + kLanes || seen.end <= first) {
      return;
    }
    const Part next = head_part(p, 1);
    score_block<Set, kRows, kHeads>(
        p, {query_numbers(p, query), static_cast<size_t>(next.q - p.q), p.keys,
            query_scores(p, query) + first,
            static_cast<size_t>(next.scores - p.scores)});
  }
};

template <class Set>
struct ScoreStep {
  static_assert(Set::kVectors * kLanes <= kKeys);

  PARALLM_INLINE void run(const Part& p, const Step& step) const {
    if (p.tile.kv_heads > 1) {
      return run_heads(p, step);
    }
    turn_keys_of<Set>(p, step, p.keys);
    for_blocks<Set>(p.queries, Score<Set>{p, step.first, step.end});
  }

  // As many at a time as there are vectors, then two, then one.
  PARALLM_INLINE void run_heads(const Part& p, const Step& step) const {
    const int heads = p.tile.kv_heads;
    int h = 0;
    for (; heads - h >= Set::kVectors; h += Set::kVectors) {
      run_heads<Set::kVectors>(head_part(p, h), step);
    }
    if constexpr (Set::kVectors > 2) {
      for (; heads - h >= 2; h += 2) {
        run_heads<2>(head_part(p, h), step);
      }
    }
    for (; h < heads; ++h) {
      run_heads<1>(head_part(p, h), step);
    }
  }

  template <int kHeads>
  PARALLM_INLINE void run_heads(const Part& p, const Step& step) const {
    for (int n = 0; n < kHeads; ++n) {
      turn_keys_of<Set>(head_part(p, n), step, p.keys + n * kLanes);
    }
    for_blocks<Set>(p.queries, ScoreHeads<Set, kHeads>{p, step.first});
  }
};

template <class Set>
PARALLM_INLINE void score_with(const Part& p) {
  for (int h = 0; h < p.tile.kv_heads; ++h) {
    load_queries<Set>(head_part(p, h));
  }
  const int first = p.start + p.seen.first / kLanes * kLanes;
  for_steps(p, {p.a.keys, p.a.values, first}, ScoreStep<Set>{});
}

bool has_pairs(const AttendArgs& a) {
  return a.q_type == FloatType::kBF16 &&
         (a.pool_type == StoredType::kBF16 || a.pool_type == StoredType::kI8);
}

#if defined(__x86_64__)

PARALLM_ON_AVX512_BF16 void score_bf16(const Part& part) {
  score_with<Pairs>(part);
}

PARALLM_ON_AVX512 void score_avx512(const Part& part) {
  score_with<Wide<Full>>(part);
}

PARALLM_ON_AVX2 void score_avx2(const Part& part) {
  score_with<Wide<Narrow>>(part);
}

#endif

void score_baseline(const Part& part) {
  score_with<Wide<Narrow>>(part);
}

} // namespace

void score_part(const Part& part) {
  const InstructionSet set = instruction_set();
  switch (has_pairs(part.a) ? bfloat16_set(set) : vector_set(set)) {
#if defined(__x86_64__)
    case InstructionSet::kAvx512Bf16:
      return score_bf16(part);
    case InstructionSet::kAvx512:
      return score_avx512(part);
    case InstructionSet::kAvx2:
      return score_avx2(part);
#endif
    default:
      return score_baseline(part);
  }
}

} // namespace parallm::attending
