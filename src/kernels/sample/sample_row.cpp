#include "kernels/sample/sample_row.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "kernels/sample/sample_order.h"

namespace parallm {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

// Stages 1 to 3.
void edit(std::vector<float>& values, const std::vector<LogitEdit>& edits) {
  for (const LogitEdit& e : edits) {
    float& value = values[static_cast<size_t>(e.id)];
    value = value > 0 ? value / e.repetition : value * e.repetition;
    value -= e.penalty;
    value += e.bias;
  }
}

// Stage 4. What is allowed is saved, the rest wiped.
void keep_allowed(
    std::vector<float>& values, const std::vector<int32_t>& allowed) {
  std::vector<float> saved;
  saved.reserve(allowed.size());
  for (int32_t id : allowed) {
    saved.push_back(values[static_cast<size_t>(id)]);
  }
  std::fill(values.begin(), values.end(), kNever);
  for (size_t i = 0; i < allowed.size(); ++i) {
    values[static_cast<size_t>(allowed[i])] = saved[i];
  }
}

void rewrite(std::vector<float>& values, const DrawRow& row) {
  if (row.edits) {
    edit(values, *row.edits);
  }
  if (row.allowed) {
    keep_allowed(values, *row.allowed);
  }
  for (int32_t id : row.banned) {
    values[static_cast<size_t>(id)] = kNever;
  }
}

double weight(OrderKey key, const float* values, float largest) {
  return std::exp(values[id_of(key)] - largest);
}

double total_weight(const float* values, int vocab, float largest) {
  double total = 0;
  for (int id = 0; id < vocab; ++id) {
    total += std::exp(values[id] - largest);
  }
  return total;
}

// How many of `keys`, from the front, reach `wanted` weight; all of them and
// one if they do not.
size_t prefix_reaching(
    double wanted,
    const std::vector<OrderKey>& keys,
    const float* values,
    float largest) {
  double sum = 0;
  for (size_t n = 0; n < keys.size(); ++n) {
    sum += weight(keys[n], values, largest);
    if (sum >= wanted) {
      return n + 1;
    }
  }
  return keys.size() + 1;
}

// Stage 7 without stage 6 before it: nobody said how many tokens to sort, so
// sort a few, and more if they do not suffice.
std::vector<OrderKey> nucleus(
    const float* values, int vocab, float largest, float top_p) {
  const double wanted = top_p * total_weight(values, vocab, largest);
  for (int count = 32;; count *= 8) {
    auto keys = first_in_order(values, vocab, count);
    const size_t kept = prefix_reaching(wanted, keys, values, largest);
    if (kept <= keys.size() || count >= vocab) {
      keys.resize(std::min(kept, keys.size()));
      return keys;
    }
  }
}

// Stages 6 and 7: what they keep, in order.
std::vector<OrderKey> first_kept(
    const float* values, int vocab, float largest, const DrawRow& row) {
  if (row.top_k <= 0 || row.top_k >= vocab) {
    return nucleus(values, vocab, largest, row.top_p);
  }
  auto keys = first_in_order(values, vocab, row.top_k);
  if (row.top_p < 1) {
    double total = 0;
    for (OrderKey key : keys) {
      total += weight(key, values, largest);
    }
    keys.resize(std::min(
        keys.size(),
        prefix_reaching(row.top_p * total, keys, values, largest)));
  }
  return keys;
}

bool sorts(const DrawRow& row, int vocab) {
  return row.top_p < 1 || (row.top_k > 0 && row.top_k < vocab);
}

// Stage 8 as a bound on the value instead of on the probability.
float floor_of(const DrawRow& row, float largest) {
  return row.min_p > 0 ? largest + std::log(std::min(row.min_p, 1.0f)) : kNever;
}

// The best value plus noise so far, ties by lower id.
struct Best {
  float score = kNever;
  int32_t id = -1;

  void offer(float candidate, int32_t candidate_id) {
    if (candidate > score || (candidate == score && candidate_id < id)) {
      score = candidate;
      id = candidate_id;
    }
  }
};

// The noise is at most -log(uniform), and that is at most this: no logarithm
// is needed for nearly all tokens. The addend covers rounding.
float noise_bound(float uniform) {
  const int exponent =
      static_cast<int>(std::bit_cast<uint32_t>(uniform) >> 23) - 127;
  return static_cast<float>(-exponent) * 0.693148f + 1e-3f;
}

int32_t draw_of_kept(
    const std::vector<OrderKey>& kept, const float* values, NoiseKey noise) {
  Best best;
  for (OrderKey key : kept) {
    const int32_t id = id_of(key);
    best.offer(values[id] + gumbel_noise(noise, static_cast<uint32_t>(id)), id);
  }
  return best.id;
}

void offer_group(
    Best& best, const float* values, int first, int end, NoiseKey noise) {
  const PhiloxWords words =
      noise_words(noise, static_cast<uint32_t>(first) / 4);
  for (int id = first; id < end; ++id) {
    const float uniform = uniform_of(words[static_cast<size_t>(id - first)]);
    if (values[id] + noise_bound(uniform) >= best.score) {
      best.offer(values[id] + gumbel_of(uniform), id);
    }
  }
}

// The likeliest token goes first: its score rules most others out before
// their noise is computed. The result is that of the plain loop over all.
int32_t draw_of_all(
    const float* values, int vocab, int likeliest, NoiseKey noise) {
  Best best;
  best.offer(
      values[likeliest] + gumbel_noise(noise, static_cast<uint32_t>(likeliest)),
      likeliest);
  for (int first = 0; first < vocab; first += 4) {
    const int end = std::min(first + 4, vocab);
    const float largest = *std::max_element(values + first, values + end);
    if (largest + kLargestGumbel >= best.score) {
      offer_group(best, values, first, end, noise);
    }
  }
  return best.id;
}

int32_t first_equal(const float* values, int vocab, float value) {
  return static_cast<int32_t>(
      std::find(values, values + vocab, value) - values);
}

// Stages 6 to 9 on values that are already divided by the temperature.
// Whatever is dropped becomes -infinity where the caller wants to see it.
int32_t draw_filtered(
    std::vector<float>& values, const DrawRow& row, float* processed) {
  const int vocab = static_cast<int>(values.size());
  const float largest = extent_of(values.data(), vocab).largest;
  const float floor = floor_of(row, largest);
  if (sorts(row, vocab)) {
    auto kept = first_kept(values.data(), vocab, largest, row);
    while (values[static_cast<size_t>(id_of(kept.back()))] < floor) {
      kept.pop_back();
    }
    if (processed) {
      std::fill(processed, processed + vocab, kNever);
      for (OrderKey key : kept) {
        processed[id_of(key)] = values[static_cast<size_t>(id_of(key))];
      }
    }
    return draw_of_kept(kept, values.data(), row.noise);
  }
  if (row.min_p > 0) {
    for (float& value : values) {
      value = value < floor ? kNever : value;
    }
  }
  if (processed) {
    std::copy(values.begin(), values.end(), processed);
  }
  return draw_of_all(
      values.data(), vocab, first_equal(values.data(), vocab, largest),
      row.noise);
}

Drawn nothing(DrawStatus status, int vocab, float* processed) {
  if (processed) {
    std::fill(processed, processed + vocab, 0.0f);
  }
  return {0, status};
}

} // namespace

Drawn draw_row(
    const float* logits,
    int vocab,
    const DrawRow& row,
    std::vector<float>& scratch,
    float* processed) {
  Extent extent = extent_of(logits, vocab);
  if (extent.has_nan || std::isinf(extent.largest)) {
    return nothing(DrawStatus::kNotFinite, vocab, processed);
  }
  if (row.rewrites()) {
    scratch.assign(logits, logits + vocab);
    rewrite(scratch, row);
    logits = scratch.data();
    extent = extent_of(logits, vocab);
    if (extent.largest == kNever) {
      return nothing(DrawStatus::kNothingLeft, vocab, processed);
    }
  }
  if (row.greedy()) {
    if (processed) {
      std::copy(logits, logits + vocab, processed);
    }
    return {first_equal(logits, vocab, extent.largest)};
  }
  scratch.resize(static_cast<size_t>(vocab));
  for (int id = 0; id < vocab; ++id) {
    scratch[static_cast<size_t>(id)] = logits[id] / row.temperature;
  }
  return {draw_filtered(scratch, row, processed)};
}

} // namespace parallm
