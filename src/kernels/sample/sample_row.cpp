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

// A row of values: its logits, rewritten and to be divided by the temperature.
struct Values {
  const LogitRow& row;
  const RowExtent& extent;

  float largest() const { return extent.largest / row.temperature; }
};

// Leaves as many, from the front, as bring the sum of weights to `wanted`;
// whether they do.
bool cut_at(
    double wanted,
    std::vector<OrderKey>& keys,
    const Values& values,
    double sum = 0) {
  for (size_t n = 0; n < keys.size(); ++n) {
    sum += weight(keys[n], values.row, values.largest());
    if (sum >= wanted) {
      keys.resize(n + 1);
      return true;
    }
  }
  return false;
}

// What stages 6 and 7 keep: these tokens, in order, and before them all whose
// values are not below `from`.
struct Kept {
  std::vector<OrderKey> keys{};
  float from = std::numeric_limits<float>::infinity();
};

// Of many tokens: halves the range of values in which the last one lies, until
// few are left to sort. Below the range are at most e^-40 of the weight each,
// which no top_p below 1 reaches.
Kept wide_nucleus(const Values& values, double wanted) {
  constexpr int kHalvings = 9; // guessed
  const auto& [row, extent] = values;
  float above =
      std::nextafter(values.largest(), std::numeric_limits<float>::infinity());
  float least = values.largest() - 40;
  double before = 0; // the weight from `above` on
  for (int i = 0; i < kHalvings; ++i) {
    const float middle = (least + above) / 2;
    const double weight = weight_from(row, extent, middle);
    (weight < wanted ? above : least) = middle;
    before = weight < wanted ? weight : before;
  }
  Kept kept{between(row, least, above), above};
  cut_at(wanted, kept.keys, values, before);
  return kept;
}

// Stage 7 without stage 6 before it: nobody said how many tokens to sort, so
// sort a few, as most models need.
Kept nucleus(const Values& values, float top_p) {
  const double wanted = top_p * total_weight(values.row, values.extent);
  for (const int count : {32, 256}) {
    Kept kept{first_in_order(values.row, values.extent, count)};
    if (cut_at(wanted, kept.keys, values) || count >= values.row.vocab) {
      return kept;
    }
  }
  return wide_nucleus(values, wanted);
}

// Stages 6 and 7.
Kept first_kept(const Values& values, const DrawRow& how) {
  const auto& [row, extent] = values;
  if (how.top_k <= 0 || how.top_k >= row.vocab) {
    return nucleus(values, how.top_p);
  }
  Kept kept{first_in_order(row, extent, how.top_k)};
  if (how.top_p < 1) {
    double total = 0;
    for (OrderKey key : kept.keys) {
      total += weight(key, row, values.largest());
    }
    cut_at(how.top_p * total, kept.keys, values);
  }
  return kept;
}

bool sorts(const DrawRow& how, int vocab) {
  return how.top_p < 1 || (how.top_k > 0 && how.top_k < vocab);
}

// Stage 8 as a bound on the value instead of on the probability.
float floor_of(const DrawRow& how, float largest) {
  return how.min_p > 0 ? largest + std::log(std::min(how.min_p, 1.0f)) : kNever;
}

// Stage 8.
void drop_below(float floor, Kept& kept, const LogitRow& row) {
  kept.from = std::max(kept.from, floor);
  while (!kept.keys.empty() && row.value(id_of(kept.keys.back())) < floor) {
    kept.keys.pop_back();
  }
}

void write_from(float floor, const LogitRow& row, float* processed) {
  for (int id = 0; id < row.vocab; ++id) {
    const float value = row.value(id);
    processed[id] = value < floor ? kNever : value;
  }
}

void write_kept(const Kept& kept, const LogitRow& row, float* processed) {
  write_from(kept.from, row, processed);
  for (OrderKey key : kept.keys) {
    processed[id_of(key)] = row.value(id_of(key));
  }
}

void offer(BestScore& best, int32_t id, const LogitRow& row, NoiseKey noise) {
  best.offer(
      row.value(id) + gumbel_noise(noise, static_cast<uint32_t>(id)), id);
}

// `best`, or what beats it among the values from `floor` on. The likeliest
// token goes first: its score rules most others out before their noise is
// computed. The result is that of the plain loop over all.
BestScore draw_from(
    const Values& values, float floor, NoiseKey noise, BestScore best) {
  const LogitRow& row = values.row;
  offer(best, values.extent.id_of_largest(row), row, noise);
  const auto bests = row.of_parts(
      [&](const RowPart& part) { return draw_from(part, floor, noise, best); });
  for (const BestScore& of_part : bests) {
    best.offer(of_part.score, of_part.id);
  }
  return best;
}

int32_t draw_of_kept(const Kept& kept, const Values& values, NoiseKey noise) {
  BestScore best;
  for (OrderKey key : kept.keys) {
    offer(best, id_of(key), values.row, noise);
  }
  return std::isinf(kept.from) ? best.id
                               : draw_from(values, kept.from, noise, best).id;
}

// Stages 6 to 9. Whatever is dropped becomes -infinity where the caller wants
// to see it.
int32_t draw_filtered(
    const Values& values, const DrawRow& how, float* processed) {
  const LogitRow& row = values.row;
  const float floor = floor_of(how, values.largest());
  if (!sorts(how, row.vocab)) {
    if (processed) {
      write_from(floor, row, processed);
    }
    return draw_from(values, floor, how.noise, {}).id;
  }
  auto kept = first_kept(values, how);
  drop_below(floor, kept, row);
  if (processed) {
    write_kept(kept, row, processed);
  }
  return draw_of_kept(kept, values, how.noise);
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
