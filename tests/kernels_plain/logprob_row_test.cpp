#include "kernels/logprob/logprob_row.h"

#include <gtest/gtest.h>

#include "tests/kernels_plain/each_set.h"
#include "tests/sampling/naive_sampler.h"
#include "tests/support/random_rows.h"

namespace parallm {
namespace {

using test::under_each_set;

struct Scored {
  TokenScore score;
  std::vector<int32_t> ids;
  std::vector<float> logprobs;
};

Scored score(const std::vector<float>& values, int32_t token, int k) {
  Scored s{{}, std::vector<int32_t>(k), std::vector<float>(k)};
  s.score = score_row(
      {values.data(), static_cast<int>(values.size())}, token, k, s.ids.data(),
      s.logprobs.data());
  return s;
}

// float32 keeps the logarithm of a probability to so much; it is -20 at most.
constexpr double kTolerance = 3e-6;

TEST(PlainLogprobRow, IsLogSoftmaxOfFloat64) {
  constexpr int kAlternatives = 20;
  for (const int vocab : {1, 2, 11, 127, 513, 4001}) {
    for (const bool ties : {false, true}) {
      RandomRows random(static_cast<uint32_t>(vocab));
      const auto values = random.logits(vocab, ties);
      const auto p = naive::softmax(values);
      const auto order = naive::ordered(values);
      const int token = random.below(vocab);
      under_each_set([&] {
        const Scored ours = score(values, token, kAlternatives);
        ASSERT_NEAR(ours.score.logprob, std::log(p[token]), kTolerance);
        ASSERT_EQ(
            ours.score.rank,
            1 + std::find(order.begin(), order.end(), token) - order.begin());
        for (int i = 0; i < kAlternatives; ++i) {
          const bool there = i < vocab;
          ASSERT_EQ(ours.ids[i], there ? order[i] : -1);
          ASSERT_NEAR(
              ours.logprobs[i], there ? std::log(p[order[i]]) : 0, kTolerance);
        }
      });
    }
  }
}

TEST(PlainLogprobRow, MinusInfinityIsWrittenAsANumber) {
  under_each_set([] {
    const float never = naive::kNever;
    const Scored ours = score({never, 2, never, 2}, 2, 3);
    EXPECT_EQ(ours.score.logprob, kImpossibleLogprob);
    EXPECT_EQ(ours.score.rank, 4);
    EXPECT_EQ(ours.ids, (std::vector<int32_t>{1, 3, -1}));
  });
}

TEST(PlainLogprobRow, WhatIsNotANumberStaysSo) {
  under_each_set([] {
    const float nan = std::nanf("");
    EXPECT_TRUE(std::isnan(score({1, nan, 2}, 2, 1).score.logprob));
  });
}

} // namespace
} // namespace parallm
