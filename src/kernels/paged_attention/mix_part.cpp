#include "kernels/paged_attention/part.h"
#include "kernels/paged_attention/word_numbers.h"

namespace parallm::attending {
namespace {

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

// A few queries, of one token or more, take values as they lie, without
// widening them for others first. A word holds kParts numbers, which go to as
// many sums.
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
        __builtin_prefetch(ahead[i] + place, 0, 2);
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

template <int kRows, StoredType kType>
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

template <StoredType kType>
PARALLM_INLINE bool mix_few_of(const Part& p) {
  switch (p.queries) {
    case 1:
      mix_few_of<1, kType>(p);
      return true;
    case 2:
      mix_few_of<2, kType>(p);
      return true;
    case 3:
      mix_few_of<3, kType>(p);
      return true;
    case 4:
      mix_few_of<4, kType>(p);
      return true;
    default:
      return false;
  }
}

// False: they are too many, or their values do not fill whole vectors.
PARALLM_INLINE bool mix_few(const Part& p) {
  if (p.a.pool_type == StoredType::kBF16 && p.a.values.width % 32 == 0) {
    return mix_few_of<StoredType::kBF16>(p);
  }
  if (p.a.pool_type == StoredType::kI8 && p.a.values.width % 64 == 0) {
    return mix_few_of<StoredType::kI8>(p);
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

template <class Set>
PARALLM_INLINE void mix_with(const Part& p) {
  if constexpr (Set::kWhole) {
    if (mix_few(p)) {
      return;
    }
  }
  mix_many<Set>(p);
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
