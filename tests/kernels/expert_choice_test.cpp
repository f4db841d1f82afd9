#include "kernels/expert_choice/expert_choice.h"

#include <gtest/gtest.h>

#include "kernels/kernel_pool.h"
#include "kernels/usable_cores.h"
#include "tests/support/arrays.h"

namespace parallm {
namespace {

using namespace test;
using Score = ChoiceRule::Score;

constexpr int kExperts = 60;

struct Case {
  ChoiceRule rule{};
  bool correction = false;
};

// What the families have.
const Case kCases[] = {
    {{}},
    {{.normalize = true}},
    {{.score = Score::kSoftmaxOfChosen}},
    {{.score = Score::kSparseMixer, .band = 0.01f}},
    {{.scale = 16, .groups = 6, .groups_kept = 3}},
    {{.score = Score::kSigmoid,
      .normalize = true,
      .scale = 2.5f,
      .groups = 6,
      .groups_kept = 4,
      .best_two = true},
     true}};

std::optional<mx::array> correction_of(const Case& c) {
  return c.correction ? std::optional(random_array({kExperts}, 7))
                      : std::nullopt;
}

ExpertChoice chosen(const mx::array& gates, int k, const Case& c) {
  return choose_experts(gates, correction_of(c), k, c.rule);
}

void expect_as_the_reference(const mx::array& gates, int k, const Case& c) {
  const auto ours = chosen(gates, k, c);
  const auto reference =
      choose_experts_reference(gates, correction_of(c), k, c.rule);
  EXPECT_TRUE(same_bits(ours.experts, reference.experts));
  EXPECT_LT(max_difference(ours.shares, reference.shares), 1e-5f);
}

TEST(ExpertChoice, AgreesWithTheReference) {
  for (const Case& c : kCases) {
    for (const int tokens : {1, 7, 300}) {
      for (const int k : {1, 3, 8}) {
        expect_as_the_reference(random_array({tokens, kExperts}, 1), k, c);
      }
    }
  }
}

TEST(ExpertChoice, TakesAStepWithoutTokens) {
  const auto choice = chosen(mx::zeros({0, kExperts}), 3, {});
  EXPECT_EQ(floats(choice.experts).size(), 0);
  EXPECT_EQ(choice.shares.shape(), (mx::Shape{0, 3}));
}

// Gates of few values, so that many are equal.
TEST(ExpertChoice, ChoosesAmongEqualsAsTheReference) {
  const auto gates = mx::round(random_array({50, kExperts}, 1));
  for (const Case& c : kCases) {
    expect_as_the_reference(gates, 8, {c.rule});
  }
}

TEST(ExpertChoice, HasTheSameBitsAloneAndOnAnyNumberOfThreads) {
  const auto gates = random_array({301, kExperts}, 1);
  for (const Case& c : kCases) {
    set_kernel_threads(1);
    auto together = chosen(gates, 8, c);
    mx::eval(together.shares);
    for (const int threads : {2, 3}) {
      set_kernel_threads(threads);
      const auto again = chosen(gates, 8, c);
      EXPECT_TRUE(same_bits(again.experts, together.experts));
      EXPECT_TRUE(same_bits(again.shares, together.shares));
    }
    for (const int i : {0, 7, 300}) {
      EXPECT_TRUE(same_bits(
          chosen(rows(gates, i, i + 1), 8, c).shares,
          rows(together.shares, i, i + 1)));
    }
  }
  set_kernel_threads(usable_cores());
}

TEST(ExpertChoice, ReadsGatesThatAreNotContiguous) {
  const auto gates = mx::transpose(random_array({kExperts, 5}, 1));
  EXPECT_TRUE(same_bits(
      chosen(gates, 3, {}).shares,
      chosen(mx::contiguous(gates), 3, {}).shares));
}

TEST(ExpertChoice, RefusesWhatDoesNotFit) {
  const auto gates = mx::ones({2, 6});
  const auto choose = [&](int k, int correction, const ChoiceRule& rule) {
    return choose_experts(gates, mx::ones({correction}), k, rule);
  };
  EXPECT_NO_THROW(choose(6, 6, {}));
  EXPECT_ANY_THROW(choose(7, 6, {}));
  EXPECT_ANY_THROW(choose(1, 5, {}));
  EXPECT_ANY_THROW(choose(1, 6, {.groups = 4}));
  EXPECT_ANY_THROW(choose(1, 6, {.groups = 6, .best_two = true}));
  EXPECT_ANY_THROW(choose_experts(
      mx::ones({2, 6}, mx::float16), std::nullopt, 1, ChoiceRule{}));
}

} // namespace
} // namespace parallm
