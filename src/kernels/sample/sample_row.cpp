#include "kernels/sample/sample_row.h"

#include <algorithm>
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

double weight(OrderKey key, const LogitRow& row, float largest) {
  return std::exp(row.value(id_of(key)) - largest);
}

// How many of `keys`, from the front, reach `wanted` weight; all of them and
// one if they do not.
size_t prefix_reaching(
    double wanted,
    const std::vector<OrderKey>& keys,
    const LogitRow& row,
    float largest) {
  double sum = 0;
  for (size_t n = 0; n < keys.size(); ++n) {
    sum += weight(keys[n], row, largest);
    if (sum >= wanted) {
      return n + 1;
    }
  }
  return keys.size() + 1;
}

// A row of values: its logits, rewritten and to be divided by the temperature.
struct Values {
  const LogitRow& row;
  const RowExtent& extent;

  float largest() const { return extent.largest / row.temperature; }
};

// Stage 7 without stage 6 before it: nobody said how many tokens to sort, so
// sort a few, and more if they do not suffice.
std::vector<OrderKey> nucleus(const Values& values, float top_p) {
  const auto& [row, extent] = values;
  const double wanted = top_p * total_weight(row, extent);
  for (int count = 32;; count *= 8) {
    auto keys = first_in_order(row, extent, count);
    const size_t kept = prefix_reaching(wanted, keys, row, values.largest());
    if (kept <= keys.size() || count >= row.vocab) {
      keys.resize(std::min(kept, keys.size()));
      return keys;
    }
  }
}

// Stages 6 and 7: what they keep, in order.
std::vector<OrderKey> first_kept(const Values& values, const DrawRow& how) {
  const auto& [row, extent] = values;
  if (how.top_k <= 0 || how.top_k >= row.vocab) {
    return nucleus(values, how.top_p);
  }
  auto keys = first_in_order(row, extent, how.top_k);
  if (how.top_p < 1) {
    double total = 0;
    for (OrderKey key : keys) {
      total += weight(key, row, values.largest());
    }
    keys.resize(std::min(
        keys.size(),
        prefix_reaching(how.top_p * total, keys, row, values.largest())));
  }
  return keys;
}

bool sorts(const DrawRow& how, int vocab) {
  return how.top_p < 1 || (how.top_k > 0 && how.top_k < vocab);
}

// Stage 8 as a bound on the value instead of on the probability.
float floor_of(const DrawRow& how, float largest) {
  return how.min_p > 0 ? largest + std::log(std::min(how.min_p, 1.0f)) : kNever;
}

void write_kept(
    const std::vector<OrderKey>& kept, const LogitRow& row, float* processed) {
  std::fill(processed, processed + row.vocab, kNever);
  for (OrderKey key : kept) {
    processed[id_of(key)] = row.value(id_of(key));
  }
}

void write_above(float floor, const LogitRow& row, float* processed) {
  for (int id = 0; id < row.vocab; ++id) {
    const float value = row.value(id);
    processed[id] = value < floor ? kNever : value;
  }
}

float score_of(int32_t id, const LogitRow& row, NoiseKey noise) {
  return row.value(id) + gumbel_noise(noise, static_cast<uint32_t>(id));
}

int32_t draw_of_kept(
    const std::vector<OrderKey>& kept, const LogitRow& row, NoiseKey noise) {
  BestScore best;
  for (OrderKey key : kept) {
    best.offer(score_of(id_of(key), row, noise), id_of(key));
  }
  return best.id;
}

// The likeliest token goes first: its score rules most others out before
// their noise is computed. The result is that of the plain loop over all.
int32_t draw_of_all(const Values& values, float floor, NoiseKey noise) {
  const LogitRow& row = values.row;
  BestScore best;
  const int32_t likeliest = values.extent.id_of_largest(row);
  best.offer(score_of(likeliest, row, noise), likeliest);
  const auto bests = row.of_parts(
      [&](const RowPart& part) { return draw_from(part, floor, noise, best); });
  for (const BestScore& of_part : bests) {
    best.offer(of_part.score, of_part.id);
  }
  return best.id;
}

// Stages 6 to 9. Whatever is dropped becomes -infinity where the caller wants
// to see it.
int32_t draw_filtered(
    const Values& values, const DrawRow& how, float* processed) {
  const LogitRow& row = values.row;
  const float floor = floor_of(how, values.largest());
  if (!sorts(how, row.vocab)) {
    if (processed) {
      write_above(floor, row, processed);
    }
    return draw_of_all(values, floor, how.noise);
  }
  auto kept = first_kept(values, how);
  while (row.value(id_of(kept.back())) < floor) {
    kept.pop_back();
  }
  if (processed) {
    write_kept(kept, row, processed);
  }
  return draw_of_kept(kept, row, how.noise);
}

Drawn nothing(DrawStatus status, int vocab, float* processed) {
  if (processed) {
    std::fill(processed, processed + vocab, 0.0f);
  }
  return {0, status};
}

Drawn draw_rewritten(
    const Values& values, const DrawRow& how, float* processed) {
  const LogitRow& row = values.row;
  if (!how.greedy()) {
    return {draw_filtered(values, how, processed)};
  }
  if (processed) {
    std::copy(row.logits, row.logits + row.vocab, processed);
  }
  return {values.extent.id_of_largest(row)};
}

} // namespace

Drawn draw_row(const LogitRow& logits, const DrawRow& how, float* processed) {
  LogitRow row = logits;
  row.temperature = how.greedy() ? 1.0f : how.temperature;
  RowExtent extent = extent_of(row);
  if (extent.has_nan || std::isinf(extent.largest)) {
    return nothing(DrawStatus::kNotFinite, row.vocab, processed);
  }
  std::vector<float> rewritten;
  if (how.rewrites()) {
    rewritten.assign(row.logits, row.logits + row.vocab);
    rewrite(rewritten, how);
    row.logits = rewritten.data();
    extent = extent_of(row);
    if (extent.largest == kNever) {
      return nothing(DrawStatus::kNothingLeft, row.vocab, processed);
    }
  }
  return draw_rewritten({row, extent}, how, processed);
}

} // namespace parallm
