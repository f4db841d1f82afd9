#include "kernels/expert_choice/choice_rows.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/kernels_plain/each_set.h"
#include "tests/support/numbers.h"

namespace parallm {
namespace {

using namespace test;
using Score = ChoiceRule::Score;
using Numbers = std::vector<double>;

struct Chosen {
  std::vector<int32_t> ids;
  std::vector<float> shares;
};

struct Tokens {
  int experts = 0;
  std::vector<float> gates{};
  std::vector<float> correction{};
};

Chosen choose(const Tokens& tokens, int k, const ChoiceRule& rule) {
  const size_t count = tokens.gates.size() / tokens.experts;
  Chosen out{std::vector<int32_t>(count * k), std::vector<float>(count * k)};
  const ChoiceRows rows{
      .rule = rule,
      .experts = tokens.experts,
      .per_token = k,
      .gates = tokens.gates.data(),
      .correction =
          tokens.correction.empty() ? nullptr : tokens.correction.data(),
      .ids = out.ids.data(),
      .shares = out.shares.data()};
  choose_rows(rows, 0, count);
  return out;
}

Numbers softmax(const Numbers& gates) {
  const double largest = *std::max_element(gates.begin(), gates.end());
  Numbers powers;
  for (const double gate : gates) {
    powers.push_back(std::exp(gate - largest));
  }
  const double sum = std::accumulate(powers.begin(), powers.end(), 0.0);
  for (double& power : powers) {
    power /= sum;
  }
  return powers;
}

Numbers sigmoid(const Numbers& gates) {
  Numbers scores;
  for (const double gate : gates) {
    scores.push_back(1 / (1 + std::exp(-gate)));
  }
  return scores;
}

// The best first, of equals the first.
std::vector<int32_t> order_of(const Numbers& keys) {
  std::vector<int32_t> ids(keys.size());
  std::iota(ids.begin(), ids.end(), 0);
  std::stable_sort(ids.begin(), ids.end(), [&](int32_t a, int32_t b) {
    return keys[a] > keys[b];
  });
  return ids;
}

double group_score(Numbers scores, bool best_two) {
  std::sort(scores.rbegin(), scores.rend());
  return best_two ? scores[0] + scores[1] : scores[0];
}

void drop_groups(Numbers& keys, const ChoiceRule& rule) {
  const size_t each = keys.size() / rule.groups;
  Numbers worst; // by what they lack, so that of equals the first is dropped
  for (int g = 0; g < rule.groups; ++g) {
    const auto first = keys.begin() + g * each;
    worst.push_back(-group_score({first, first + each}, rule.best_two));
  }
  const auto order = order_of(worst);
  for (int i = 0; i < rule.groups - rule.groups_kept; ++i) {
    std::fill_n(keys.begin() + order[i] * each, each, 0.0);
  }
}

Chosen exact_by_score(
    const Numbers& gates,
    const std::vector<float>& correction,
    int k,
    const ChoiceRule& rule) {
  const auto scores =
      rule.score == Score::kSigmoid ? sigmoid(gates) : softmax(gates);
  auto keys = scores;
  for (size_t i = 0; i < correction.size(); ++i) {
    keys[i] += correction[i];
  }
  drop_groups(keys, rule);
  Chosen out{order_of(keys)};
  out.ids.resize(k);
  double sum = 0;
  for (const int32_t id : out.ids) {
    sum += scores[id];
  }
  for (const int32_t id : out.ids) {
    out.shares.push_back(static_cast<float>(
        scores[id] / (rule.normalize ? sum : 1) * rule.scale));
  }
  return out;
}

Chosen exact_by_gate(const Numbers& gates, int k) {
  Chosen out{order_of(gates)};
  out.ids.resize(k);
  Numbers chosen;
  for (const int32_t id : out.ids) {
    chosen.push_back(gates[id]);
  }
  const auto shares = softmax(chosen);
  out.shares.assign(shares.begin(), shares.end());
  return out;
}

Chosen exact_by_mixer(const Numbers& gates, int k, double band) {
  Chosen out{order_of(gates)};
  out.ids.resize(k);
  auto left = gates;
  for (const int32_t id : out.ids) {
    const double best = gates[id];
    double sum = 0;
    for (size_t i = 0; i < gates.size(); ++i) {
      const double unit = std::max(std::abs(gates[i]), best);
      sum += (best - gates[i]) / unit > 2 * band ? 0 : std::exp(left[i] - best);
    }
    out.shares.push_back(static_cast<float>(1 / sum));
    left[id] = -INFINITY;
  }
  return out;
}

Chosen exact(
    const Numbers& gates,
    const std::vector<float>& correction,
    int k,
    const ChoiceRule& rule) {
  switch (rule.score) {
    case Score::kSoftmaxOfChosen:
      return exact_by_gate(gates, k);
    case Score::kSparseMixer:
      return exact_by_mixer(gates, k, rule.band);
    default:
      return exact_by_score(gates, correction, k, rule);
  }
}

void expect_exact(const Tokens& tokens, int k, const ChoiceRule& rule) {
  const auto got = choose(tokens, k, rule);
  for (size_t at = 0; at * k < got.ids.size(); ++at) {
    const auto first = tokens.gates.begin() + at * tokens.experts;
    const auto expected =
        exact({first, first + tokens.experts}, tokens.correction, k, rule);
    for (int i = 0; i < k; ++i) {
      ASSERT_EQ(got.ids[at * k + i], expected.ids[i]);
      ASSERT_NEAR(
          got.shares[at * k + i], expected.shares[i],
          2e-6 * expected.shares[i]);
    }
  }
}

const ChoiceRule kRules[] = {
    {},
    {.normalize = true, .scale = 2.5f},
    {.score = Score::kSigmoid, .normalize = true, .scale = 2.5f},
    {.score = Score::kSoftmaxOfChosen},
    {.score = Score::kSparseMixer, .band = 0.1f}};

Tokens random_tokens(int experts, int count, uint32_t seed) {
  return {experts, random_floats(static_cast<size_t>(experts) * count, seed)};
}

TEST(PlainChoiceRows, AgreeWithFloat64AtOddSizes) {
  under_each_set([] {
    for (const int experts : {1, 2, 15, 16, 17, 64, 257}) {
      const auto tokens = random_tokens(experts, 5, 1);
      for (const int k : {1, 2, 8, experts}) {
        for (const ChoiceRule& rule : kRules) {
          if (k <= experts) {
            SCOPED_TRACE(testing::Message() << experts << " experts, " << k);
            expect_exact(tokens, k, rule);
          }
        }
      }
    }
  });
}

TEST(PlainChoiceRows, LookOnlyAtTheBestGroups) {
  under_each_set([] {
    for (const bool best_two : {false, true}) {
      for (const int kept : {1, 3, 5}) {
        auto tokens = random_tokens(35, 7, 2);
        tokens.correction = random_floats(35, 3);
        for (float& number : tokens.correction) {
          number = std::abs(number);
        }
        expect_exact(
            tokens, 6,
            {.score = Score::kSigmoid,
             .normalize = true,
             .groups = 5,
             .groups_kept = kept,
             .best_two = best_two});
      }
    }
  });
}

// As in DeepSeek's own code: those of other groups are no worse than that.
TEST(PlainChoiceRows, ScoreOtherGroupsAsZero) {
  Tokens tokens{4, {0, 0, 1, 2}, {-9, -9, -8, 1}};
  const auto got = choose(
      tokens, 2, {.score = Score::kSigmoid, .groups = 2, .groups_kept = 1});
  EXPECT_EQ(got.ids, (std::vector<int32_t>{3, 0}));
}

TEST(PlainChoiceRows, TakeTheFirstOfEqualExpertsAndTheLastOfEqualGroups) {
  under_each_set([] {
    std::vector<int32_t> first(20);
    std::iota(first.begin(), first.end(), 0);
    for (const ChoiceRule& rule : kRules) {
      EXPECT_EQ(choose({33, std::vector<float>(33)}, 20, rule).ids, first);
    }
    const ChoiceRule grouped{.groups = 3, .groups_kept = 1};
    EXPECT_EQ(
        choose({6, std::vector<float>(6)}, 2, grouped).ids,
        (std::vector<int32_t>{4, 5}));
  });
}

TEST(PlainChoiceRows, GiveIdsOfExpertsWhateverTheGates) {
  under_each_set([] {
    for (const float gate : {NAN, -INFINITY, INFINITY}) {
      for (const ChoiceRule& rule : kRules) {
        const auto ids =
            choose({17, std::vector<float>(17, gate)}, 3, rule).ids;
        EXPECT_EQ(ids, (std::vector<int32_t>{0, 1, 2})) << gate;
      }
    }
  });
}

// A sigmoid of so little is 0; it must not become 0 / 0.
TEST(PlainChoiceRows, LeaveScoresThatAreAllZero) {
  const ChoiceRule rule{.score = Score::kSigmoid, .normalize = true};
  EXPECT_EQ(
      choose({2, {-200, -300}}, 2, rule).shares, (std::vector<float>{0, 0}));
}

} // namespace
} // namespace parallm
