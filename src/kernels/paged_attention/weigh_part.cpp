#include <cmath>

#include "kernels/paged_attention/exp_below.h"
#include "kernels/paged_attention/part.h"

namespace parallm::attending {
namespace {

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

// The scores of what the query sees become weights relative to that of the
// largest, times the scale of the values.
PARALLM_INLINE void weigh(const Part& p, int query) {
  const Range range = range_between(p, query, query);
  float* scores = p.scores + static_cast<size_t>(query) * kPartPositions;
  const float factor = are_plain(p) ? p.a.scale : 1.0f;
  const float most = most_of_scores(p, range, scores) * factor;
  const bool scaled = has_scale(p.a.pool_type);
  const int first = range.first / kLanes * kLanes;
  Floats sum{};
  for (int at = first; at < range.end; at += kLanes) {
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
  p.out.most[query] = most;
  p.out.sum[query] = simd::sum(sum);
}

// The scales of values are wanted before the values.
PARALLM_INLINE void load_value_scales(const Part& p) {
  const size_t offset = p.kv_head * p.head_bytes(p.a.values);
  for (int at = p.seen.first / kLanes * kLanes; at < p.seen.end; at += kLanes) {
    const char* rows[kLanes];
    find_rows(
        p, p.a.values, p.start + at, std::min(kLanes, p.seen.end - at), rows);
    for (int i = 0; i < kLanes; ++i) {
      std::memcpy(&p.value_scales[at + i], rows[i] + offset, sizeof(float));
    }
  }
}

PARALLM_INLINE void weigh_head(const Part& p) {
  if (has_scale(p.a.pool_type)) {
    load_value_scales(p);
  }
  for (int i = 0; i < p.queries; ++i) {
    weigh(p, i);
  }
}

PARALLM_INLINE void weigh_all(const Part& p) {
  for (int h = 0; h < p.tile.kv_heads; ++h) {
    weigh_head(head_part(p, h));
  }
}

PARALLM_MULTIVERSION(weigh_on_any, weigh_all, Part)

} // namespace

void weigh_part(const Part& part) {
  weigh_on_any(part);
}

} // namespace parallm::attending
