#include "kernels/paged_attention/attend.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/dot_tile.h"

namespace parallm {
namespace {

using namespace simd;

constexpr int kKeys = 4; // keys scored together

// Where one token looks: positions [first, end) of its sequence, one key head.
struct View {
  const int32_t* table;
  int first;
  int end;
  int kv_head;
};

struct Scratch {
  std::vector<float> q;      // (H / G, D padded), scaled
  std::vector<float> rows;   // (4, D or Dv padded): keys or values
  std::vector<float> scores; // (H / G, positions)
  std::vector<float> out;    // (H / G, Dv padded)
  std::vector<float> sums;   // (H / G)
};

PARALLM_INLINE size_t
row_offset(const AttendArgs& a, const PoolRows& pool, const View& v, int at) {
  const size_t slot =
      static_cast<size_t>(v.table[at / a.block_tokens]) * a.block_tokens +
      at % a.block_tokens;
  return (slot * a.kv_heads + v.kv_head) * pool.head_bytes;
}

// A key or value as float32; in `scratch`, unless it is that already.
PARALLM_INLINE const float* pool_row(
    const AttendArgs& a,
    const PoolRows& pool,
    const View& v,
    int at,
    float* scratch) {
  const char* row = pool.first + row_offset(a, pool, v, at);
  if (a.pool_type == FloatType::kF32 && pool.width % kLanes == 0) {
    return reinterpret_cast<const float*>(row);
  }
  load_row(a.pool_type, scratch, row, pool.width);
  return scratch;
}

PARALLM_INLINE void score(
    const AttendArgs& a, const View& v, int group, Scratch& s) {
  const PoolRows pool = a.keys; // a copy that no store can reach
  const int padded = round_up(pool.width);
  const int length = v.end - v.first;
  for (int j = 0; j < length; j += kKeys) {
    const int count = std::min(kKeys, length - j);
    const float* keys[kKeys];
    for (int n = 0; n < kKeys; ++n) {
      keys[n] = n < count ? pool_row(
                                a, pool, v, v.first + j + n,
                                &s.rows[static_cast<size_t>(n) * padded])
                          : keys[0];
    }
    dot_rows(s.q.data(), group, padded, keys, count, &s.scores[j], length);
  }
}

PARALLM_INLINE void cap(float* scores, int length, float softcap) {
  for (int j = 0; j < length; ++j) {
    scores[j] = softcap * std::tanh(scores[j] / softcap);
  }
}

// Turns scores into weights that are not yet divided by their sum. The sink,
// if there is one, only adds to the sum.
PARALLM_INLINE float weigh(float* scores, int length, const float* sink) {
  float most = *std::max_element(scores, scores + length);
  float sum = 0;
  if (sink != nullptr) {
    most = std::max(most, *sink);
    sum = std::exp(*sink - most);
  }
  for (int j = 0; j < length; ++j) {
    scores[j] = std::exp(scores[j] - most);
    sum += scores[j];
  }
  return sum;
}

// out += weight * value, one position after the other; four at a time only
// saves loads and stores.
template <int kCount>
PARALLM_INLINE void add_values(
    const float* const (&values)[kKeys],
    const float* weights,
    int padded,
    float* out) {
  for (int d = 0; d < padded; d += kLanes) {
    Floats sum;
    std::memcpy(&sum, out + d, sizeof(sum));
    for (int n = 0; n < kCount; ++n) {
      Floats value;
      std::memcpy(&value, values[n] + d, sizeof(value));
      sum += value * weights[n];
    }
    std::memcpy(out + d, &sum, sizeof(sum));
  }
}

PARALLM_INLINE void mix(
    const AttendArgs& a, const View& v, int group, Scratch& s) {
  const PoolRows pool = a.values;
  const int padded = round_up(pool.width);
  const int length = v.end - v.first;
  std::fill(s.out.begin(), s.out.end(), 0.0f);
  for (int j = 0; j < length;) {
    const int count = length - j >= kKeys ? kKeys : 1;
    const float* values[kKeys] = {};
    for (int n = 0; n < count; ++n) {
      values[n] = pool_row(
          a, pool, v, v.first + j + n,
          &s.rows[static_cast<size_t>(n) * padded]);
    }
    for (int h = 0; h < group; ++h) {
      const float* weights = &s.scores[static_cast<size_t>(h) * length + j];
      float* out = &s.out[static_cast<size_t>(h) * padded];
      if (count == kKeys) {
        add_values<kKeys>(values, weights, padded, out);
      } else {
        add_values<1>(values, weights, padded, out);
      }
    }
    j += count;
  }
}

PARALLM_INLINE void load_queries(
    const AttendArgs& a, size_t first_head, int group, Scratch& s) {
  const int width = a.keys.width;
  const size_t head_bytes = width * float_bytes(a.q_type);
  for (int h = 0; h < group; ++h) {
    float* q = &s.q[static_cast<size_t>(h) * round_up(width)];
    load_row(
        a.q_type, q,
        static_cast<const char*>(a.q) + (first_head + h) * head_bytes, width);
    for (int d = 0; d < width; ++d) {
      q[d] *= a.scale;
    }
  }
}

PARALLM_INLINE void weigh_heads(
    const AttendArgs& a, const View& v, int group, Scratch& s) {
  const int length = v.end - v.first;
  for (int h = 0; h < group; ++h) {
    float* scores = &s.scores[static_cast<size_t>(h) * length];
    if (a.softcap > 0) {
      cap(scores, length, a.softcap);
    }
    const int head = v.kv_head * group + h;
    s.sums[h] =
        weigh(scores, length, a.sinks != nullptr ? a.sinks + head : nullptr);
  }
}

PARALLM_INLINE void store_heads(
    const AttendArgs& a, size_t first_head, int group, Scratch& s) {
  const int width = a.values.width;
  const size_t head_bytes = width * float_bytes(a.q_type);
  for (int h = 0; h < group; ++h) {
    float* row = &s.out[static_cast<size_t>(h) * round_up(width)];
    for (int d = 0; d < width; ++d) {
      row[d] /= s.sums[h];
    }
    store_row(
        a.q_type, static_cast<char*>(a.out) + (first_head + h) * head_bytes,
        row, width);
  }
}

// All query heads that share one key head, for one token.
PARALLM_INLINE void attend_group(
    const AttendArgs& a, int token, const View& v, Scratch& s) {
  const int group = a.heads / a.kv_heads;
  const size_t first_head =
      static_cast<size_t>(token) * a.heads + v.kv_head * group;
  s.scores.resize(static_cast<size_t>(group) * (v.end - v.first));
  load_queries(a, first_head, group, s);
  score(a, v, group, s);
  weigh_heads(a, v, group, s);
  mix(a, v, group, s);
  store_heads(a, first_head, group, s);
}

PARALLM_INLINE Scratch scratch_for(const AttendArgs& a) {
  const size_t group = a.heads / a.kv_heads;
  const size_t key = round_up(a.keys.width), value = round_up(a.values.width);
  return {
      std::vector<float>(group * key),
      std::vector<float>(kKeys * std::max(key, value)),
      {},
      std::vector<float>(group * value),
      std::vector<float>(group)};
}

PARALLM_INLINE void attend_body(const AttendArgs& a) {
  Scratch scratch = scratch_for(a);
  for (int t = a.first_token; t < a.end_token; ++t) {
    const int end = a.positions[t] + 1;
    const int first = a.window > 0 ? std::max(0, end - a.window) : 0;
    const int32_t* table =
        a.tables + static_cast<size_t>(a.token_rows[t]) * a.table_width;
    for (int g = 0; g < a.kv_heads; ++g) {
      attend_group(a, t, {table, first, end, g}, scratch);
    }
  }
}

} // namespace

PARALLM_MULTIVERSION(attend, attend_body, AttendArgs)

} // namespace parallm
