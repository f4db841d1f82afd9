#include "kernels/paged_attention/part.h"
#include "kernels/paged_attention/word_numbers.h"

namespace parallm::attending {
namespace {

template <StoredType kType>
PARALLM_INLINE void load_row_of(
    const Part& p, const char* row, float* to, LaterLines& later) {
  for (int d = 0; d < p.padded; d += kLanes) {
    later.ask_for_one();
    Floats value;
    load_stored<kType>(
        value, row + d * stored_bytes(kType), p.a.values.width - d);
    std::memcpy(to + d, &value, sizeof(value));
  }
}

template <StoredType kType>
PARALLM_INLINE void load_values(const Part& p, const Step& step) {
  const size_t offset = p.kv_head * p.head_bytes(p.a.values) +
                        (has_scale(kType) ? kKvScaleBytes : 0);
  for (int first = step.first; first < step.end; first += kLanes) {
    auto later = later_lines(p, step, first);
    for (int at = first; at < std::min(first + kLanes, step.end); ++at) {
      load_row_of<kType>(
          p, step.rows[at - step.first] + offset,
          p.values + static_cast<size_t>(at % p.step) * p.padded, later);
    }
  }
}

PARALLM_INLINE void load_values(const Part& p, const Step& step) {
  switch (p.a.pool_type) {
    case StoredType::kF32:
      return load_values<StoredType::kF32>(p, step);
    case StoredType::kF16:
      return load_values<StoredType::kF16>(p, step);
    case StoredType::kBF16:
      return load_values<StoredType::kBF16>(p, step);
    case StoredType::kI8:
      return load_values<StoredType::kI8>(p, step);
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

// A query takes nothing of what it does not see: 0 times a value that is
// infinite or not a number is not 0. So queries are one block only where all
// of them see the same.
template <class Set>
struct Mix {
  const Part& p;
  int first;
  int end;

  template <int kRows>
  PARALLM_INLINE void run(int query) const {
    const int last = query + kRows - 1;
    const Range by_any = range_between(p, query, last);
    Range by_all = range_between(p, last, query);
    by_all.end = std::max(by_all.first, by_all.end);
    mix_each<kRows>(query, {by_any.first, by_all.first});
    mix<kRows>(query, by_all);
    mix_each<kRows>(query, {by_all.end, by_any.end});
  }

  // What each query sees of a range.
  template <int kRows>
  PARALLM_INLINE void mix_each(int query, const Range& range) const {
    if (std::max(first, range.first) >= std::min(end, range.end)) {
      return;
    }
    for (int i = query; i < query + kRows; ++i) {
      const Range own = range_between(p, i, i);
      mix<1>(
          i, {std::max(range.first, own.first), std::min(range.end, own.end)});
    }
  }

  template <int kRows>
  PARALLM_INLINE void mix(int query, const Range& range) const {
    const int from = std::max(first, range.first);
    const int count = std::min(end, range.end) - from;
    if (count <= 0) {
      return;
    }
    const float* values =
        p.values + static_cast<size_t>(from % p.step) * p.padded;
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

// The few queries of one token take values as they lie, without widening them
// for others first. A word holds kParts numbers, which go to as many sums; they
// lie in this order in `mixed` until all is summed.
template <int kRows, int kWords, StoredType kType>
PARALLM_INLINE void mix_words(
    const Part& p,
    int at,
    const char* const* rows,
    size_t offset,
    int d,
    LaterLines& later) {
  constexpr int kParts = sizeof(float) / stored_bytes(kType);
  Floats sums[kRows][kWords][kParts];
  float* mixed = p.out.mixed + d;
#pragma GCC unroll 8
  for (int m = 0; m < kRows; ++m) {
    std::memcpy(sums[m], mixed + m * p.padded, sizeof(sums[m]));
  }
  offset += (has_scale(kType) ? kKvScaleBytes : 0) + d * stored_bytes(kType);
  const float* weights = p.scores + at;
  const int begin = std::max(0, p.seen.first - at);
  const int end = std::min(kLanes, p.seen.end - at);
  for (int i = begin; i < end; ++i) {
#pragma GCC unroll 8
    for (int n = 0; n < kWords; ++n) {
      Words words;
      std::memcpy(&words, rows[i] + offset + n * sizeof(Words), sizeof(words));
      later.ask_for_one();
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
#pragma GCC unroll 8
  for (int m = 0; m < kRows; ++m) {
    std::memcpy(mixed + m * p.padded, sums[m], sizeof(sums[m]));
  }
}

template <int kRows, StoredType kType>
PARALLM_INLINE void mix_few(const Part& p, const Step& step) {
  constexpr int kParts = sizeof(float) / stored_bytes(kType);
  constexpr int kWords = std::max(1, 16 / kRows / kParts);
  constexpr int kWidth = kLanes * kParts;
  const size_t offset = p.kv_head * p.head_bytes(p.a.values);
  for (int at = step.first; at < step.end; at += kLanes) {
    const char* const* rows = step.rows + (at - step.first);
    auto later = later_lines(p, step, at);
    int d = 0;
    for (; d + kWords * kWidth <= p.a.values.width; d += kWords * kWidth) {
      mix_words<kRows, kWords, kType>(p, at, rows, offset, d, later);
    }
    for (; d < p.a.values.width; d += kWidth) {
      mix_words<kRows, 1, kType>(p, at, rows, offset, d, later);
    }
  }
}

template <StoredType kType>
PARALLM_INLINE void mix_few(const Part& p, const Step& step) {
  switch (p.queries) {
    case 1:
      return mix_few<1, kType>(p, step);
    case 2:
      return mix_few<2, kType>(p, step);
    case 3:
      return mix_few<3, kType>(p, step);
    default:
      return mix_few<4, kType>(p, step);
  }
}

// Numbers of a word that lie in sums of their own: 1 for values that are
// widened first, since queries are many, or of several tokens, which do not see
// the same, or values do not fill whole vectors.
template <class Set>
PARALLM_INLINE int parts_of_words(const Part& p) {
  if (!Set::kWhole || p.queries > 4 || p.queries > p.group) {
    return 1;
  }
  const int parts = p.a.pool_type == StoredType::kBF16 ? 2
                    : p.a.pool_type == StoredType::kI8 ? 4
                                                       : 1;
  return p.a.values.width % (parts * kLanes) == 0 ? parts : 1;
}

template <class Set>
struct MixStep {
  int parts;

  PARALLM_INLINE void run(const Part& all, const Step& step) const {
    for (int h = 0; h < all.tile.kv_heads; ++h) {
      run_head(head_part(all, h), step);
    }
  }

  PARALLM_INLINE void run_head(const Part& p, const Step& step) const {
    if (Set::kWhole && parts == 2) {
      mix_few<StoredType::kBF16>(p, step);
    } else if (Set::kWhole && parts == 4) {
      mix_few<StoredType::kI8>(p, step);
    } else {
      load_values(p, step);
      for_blocks<Set>(p.queries, Mix<Set>{p, step.first, step.end});
    }
  }
};

template <int kParts>
PARALLM_INLINE void put_in_order(float* mixed, size_t count) {
  for (size_t d = 0; d < count; d += kParts * kLanes) {
    Floats sums[kParts];
    std::memcpy(sums, mixed + d, sizeof(sums));
    store_in_order(mixed + d, sums);
  }
}

template <class Set>
PARALLM_INLINE void mix_with(const Part& p) {
  const size_t count =
      static_cast<size_t>(p.tile.kv_heads) * p.queries * p.padded;
  std::fill_n(p.out.mixed, count, 0.0f);
  const int parts = parts_of_words<Set>(p);
  for_steps(
      p, {p.a.values, p.a.keys, p.start + kPartPositions}, MixStep<Set>{parts});
  if (parts == 2) {
    put_in_order<2>(p.out.mixed, count);
  } else if (parts == 4) {
    put_in_order<4>(p.out.mixed, count);
  }
}

#if defined(__x86_64__)

PARALLM_ON_AVX512 void mix_avx512(const Part& part) {
  mix_with<Full>(part);
}

PARALLM_ON_AVX2 void mix_avx2(const Part& part) {
  mix_with<Narrow>(part);
}

#endif

void mix_baseline(const Part& part) {
  mix_with<Narrow>(part);
}

} // namespace

void mix_part(const Part& part) {
  switch (vector_set(instruction_set())) {
#if defined(__x86_64__)
    case InstructionSet::kAvx512:
      return mix_avx512(part);
    case InstructionSet::kAvx2:
      return mix_avx2(part);
#endif
    default:
      return mix_baseline(part);
  }
}

} // namespace parallm::attending
