#pragma once

#include <array>
#include <cstdint>
#include <limits>

#include "kernels/sample/gumbel.h"

// Passes over a part of a row of logits, 16 tokens at a time. What they tell
// is a function of the part alone. Values are logits by temperature. No MLX
// here; any thread.
namespace parallm {

// Of a row that is divided: always the same parts, so that sums have one
// order. What a core's first cache holds; guessed.
inline constexpr int kPartLogits = 8192;

struct RowPart {
  const float* logits = nullptr; // of its first token
  int count = 0;                 // at most kPartLogits
  int first = 0;                 // id of its first token
  float temperature = 1;
};

// The largest logits, one for every 16th token, and whether any is not a
// number.
struct PartExtent {
  std::array<float, 16> largest{};
  bool has_nan = false;
};
PartExtent extent_of(const RowPart& part);

// The sum of e^(value - largest) over the values from `least` on; none is above
// largest.
double weight_of(const RowPart& part, float largest, float least);

// Which tokens have logits above `floor`, as places in the part, rising; how
// many. `places` has room for all.
int places_above(const RowPart& part, float floor, int32_t* places);

// How many tokens come before one of this id and logit: larger, or equal and
// of lower id.
int tokens_before(const RowPart& part, float logit, int32_t id);

// The best value plus noise so far, ties by lower id.
struct BestScore {
  float score = -std::numeric_limits<float>::infinity();
  int32_t id = -1;

  void offer(float candidate, int32_t candidate_id) {
    if (candidate > score || (candidate == score && candidate_id < id)) {
      score = candidate;
      id = candidate_id;
    }
  }
};

// `best`, or what beats it in the part. Values below `floor` do not count.
BestScore draw_from(
    const RowPart& part, float floor, NoiseKey noise, BestScore best);

} // namespace parallm
