#include "kernels/expert_choice/choice_rows.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "kernels/vector_math.h"

namespace parallm {
namespace {

using Score = ChoiceRule::Score;
using simd::Floats;
using simd::Ints;
using simd::kLanes;

constexpr float kTaken = -std::numeric_limits<float>::infinity();
// What is less, or not a number, counts as this, so that it can be told from
// what is taken.
constexpr float kLeast = std::numeric_limits<float>::lowest();

struct ChoicePart {
  const ChoiceRows& rows;
  size_t first;
  size_t end;
};

// Of one token at a time, padded to whole vectors with kTaken, or what that
// becomes.
struct Token {
  explicit Token(const ChoiceRows& a)
      : gates(simd::round_up(a.experts), kTaken),
        scores(gates),
        keys(gates),
        chosen(gates),
        groups(a.rule.groups) {}

  std::vector<float> gates;
  std::vector<float> scores; // what they count
  std::vector<float> keys;   // what they are chosen by
  std::vector<float> chosen; // gates, the best first
  std::vector<float> groups; // what each counts; not padded
};

PARALLM_INLINE void load(Floats& v, const std::vector<float>& from, size_t i) {
  std::memcpy(&v, &from[i], sizeof(v));
}

PARALLM_INLINE void store(std::vector<float>& to, size_t i, const Floats& v) {
  std::memcpy(&to[i], &v, sizeof(v));
}

PARALLM_INLINE float largest_of(const std::vector<float>& row) {
  Floats largest = Floats{} + kTaken, v;
  for (size_t i = 0; i < row.size(); i += kLanes) {
    load(v, row, i);
    largest = v > largest ? v : largest;
  }
  float best = kTaken;
  for (int lane = 0; lane < kLanes; ++lane) {
    best = std::max(best, largest[lane]);
  }
  return best;
}

PARALLM_INLINE void softmax(
    std::vector<float>& out, const std::vector<float>& row) {
  const float largest = largest_of(row);
  Floats v, sum{};
  for (size_t i = 0; i < row.size(); i += kLanes) {
    load(v, row, i);
    v -= largest;
    simd::exp(v, v);
    sum += v;
    store(out, i, v);
  }
  const float total = simd::sum(sum);
  for (size_t i = 0; i < row.size(); i += kLanes) {
    load(v, out, i);
    v /= total;
    store(out, i, v);
  }
}

PARALLM_INLINE void sigmoid(
    std::vector<float>& out, const std::vector<float>& row) {
  Floats v;
  for (size_t i = 0; i < row.size(); i += kLanes) {
    load(v, row, i);
    simd::sigmoid(v, v);
    store(out, i, v);
  }
}

PARALLM_INLINE void make_takeable(std::vector<float>& keys, int experts) {
  for (int i = 0; i < experts; ++i) {
    keys[i] = keys[i] > kLeast ? keys[i] : kLeast;
  }
}

PARALLM_INLINE void correct(
    std::vector<float>& keys, const float* correction, int experts) {
  for (int i = 0; i < experts; ++i) {
    keys[i] += correction[i];
  }
}

// The best that is not taken, of equals the first; takes it. Lane i sees the
// elements i, i + 16, ...
PARALLM_INLINE int take_best(std::vector<float>& keys) {
  Floats best = Floats{} + kTaken, v;
  Ints at{}, step{};
  for (size_t i = 0; i < keys.size(); i += kLanes) {
    load(v, keys, i);
    const Ints better = v > best;
    best = better ? v : best;
    at = better ? step : at;
    step += 1;
  }
  int first = 0;
  float most = kTaken;
  for (int lane = 0; lane < kLanes; ++lane) {
    const int id = at[lane] * kLanes + lane;
    if (best[lane] > most || (best[lane] == most && id < first)) {
      most = best[lane];
      first = id;
    }
  }
  keys[first] = kTaken;
  return first;
}

struct BestTwo {
  float best = kTaken;
  float second = kTaken;
};

PARALLM_INLINE BestTwo best_two_of(const float* scores, int count) {
  BestTwo two;
  for (int i = 0; i < count; ++i) {
    two.second = std::max(two.second, std::min(two.best, scores[i]));
    two.best = std::max(two.best, scores[i]);
  }
  return two;
}

// The experts of all groups but the best score 0.
PARALLM_INLINE void drop_groups(
    Token& token, const ChoiceRule& rule, int experts) {
  const int count = experts / rule.groups;
  auto& groups = token.groups;
  for (int g = 0; g < rule.groups; ++g) {
    const BestTwo two = best_two_of(&token.keys[g * count], count);
    groups[g] = rule.best_two ? two.best + two.second : two.best;
  }
  for (int i = rule.groups_kept; i < rule.groups; ++i) {
    const auto worst = std::min_element(groups.begin(), groups.end());
    const auto g = worst - groups.begin();
    std::fill_n(&token.keys[g * count], count, 0.0f);
    *worst = std::numeric_limits<float>::infinity();
  }
}

PARALLM_INLINE void scale_shares(
    float* shares, const ChoiceRule& rule, int count) {
  float sum = kLeastShareSum;
  for (int i = 0; i < count; ++i) {
    sum += shares[i];
  }
  const float by = rule.normalize ? sum : 1;
  for (int i = 0; i < count; ++i) {
    shares[i] = shares[i] / by * rule.scale;
  }
}

// By scores of all experts.
PARALLM_INLINE void choose_by_score(
    Token& token, const ChoiceRows& a, int32_t* ids, float* shares) {
  if (a.rule.score == Score::kSigmoid) {
    sigmoid(token.scores, token.gates);
  } else {
    softmax(token.scores, token.gates);
  }
  std::copy_n(token.scores.data(), a.experts, token.keys.data());
  if (a.correction != nullptr) {
    correct(token.keys, a.correction, a.experts);
  }
  if (a.rule.groups_kept < a.rule.groups) {
    drop_groups(token, a.rule, a.experts);
  }
  make_takeable(token.keys, a.experts);
  for (int i = 0; i < a.per_token; ++i) {
    ids[i] = take_best(token.keys);
    shares[i] = token.scores[ids[i]];
  }
  scale_shares(shares, a.rule, a.per_token);
}

PARALLM_INLINE void choose_by_gate(
    Token& token, const ChoiceRows& a, int32_t* ids, float* shares) {
  std::copy_n(token.gates.data(), a.experts, token.keys.data());
  make_takeable(token.keys, a.experts);
  for (int i = 0; i < a.per_token; ++i) {
    ids[i] = take_best(token.keys);
    token.chosen[i] = token.gates[ids[i]];
  }
  softmax(token.scores, token.chosen);
  std::copy_n(token.scores.data(), a.per_token, shares);
}

// What the best left counts beside those left that are near it: its exponential
// is 1.
PARALLM_INLINE float share_of_best(const Token& token, float best, float band) {
  Floats gate, key, sum{};
  for (size_t i = 0; i < token.gates.size(); i += kLanes) {
    load(gate, token.gates, i);
    load(key, token.keys, i);
    const Floats size = gate < 0.0f ? -gate : gate;
    const Floats unit = size > best ? size : Floats{} + best;
    const Ints out = ((best - gate) / unit > 2 * band) | (key == kTaken);
    Floats power = gate - best;
    simd::exp(power, power);
    sum += out ? Floats{} : power;
  }
  return 1 / simd::sum(sum);
}

PARALLM_INLINE void choose_by_mixer(
    Token& token, const ChoiceRows& a, int32_t* ids, float* shares) {
  std::copy_n(token.gates.data(), a.experts, token.keys.data());
  make_takeable(token.keys, a.experts);
  for (int i = 0; i < a.per_token; ++i) {
    const float best = largest_of(token.keys);
    shares[i] = share_of_best(token, best, a.rule.band);
    ids[i] = take_best(token.keys);
  }
}

PARALLM_INLINE void choose(
    Token& token, const ChoiceRows& a, int32_t* ids, float* shares) {
  switch (a.rule.score) {
    case Score::kSoftmax:
    case Score::kSigmoid:
      return choose_by_score(token, a, ids, shares);
    case Score::kSoftmaxOfChosen:
      return choose_by_gate(token, a, ids, shares);
    case Score::kSparseMixer:
      return choose_by_mixer(token, a, ids, shares);
  }
}

PARALLM_INLINE void choice_body(const ChoicePart& part) {
  const ChoiceRows& a = part.rows;
  Token token(a);
  for (size_t t = part.first; t < part.end; ++t) {
    std::copy_n(a.gates + t * a.experts, a.experts, token.gates.data());
    choose(token, a, a.ids + t * a.per_token, a.shares + t * a.per_token);
  }
}

PARALLM_MULTIVERSION(choice_part, choice_body, ChoicePart)

} // namespace

void choose_rows(const ChoiceRows& rows, size_t first, size_t end) {
  choice_part({rows, first, end});
}

} // namespace parallm
