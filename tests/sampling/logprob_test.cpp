#include "kernels/logprob/logprob.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sampling/naive_sampler.h"
#include "tests/sampling/random_rows.h"

namespace parallm {
namespace {

using Form =
    Scores (*)(const mx::array&, const mx::array&, std::vector<int32_t>, int);
Scores reference(
    const mx::array& values,
    const mx::array& tokens,
    std::vector<int32_t> rows,
    int alternatives) {
  return score_reference(values, tokens, rows, alternatives);
}

struct Read {
  std::vector<float> logprobs;
  std::vector<int32_t> ranks, top_ids;
  std::vector<float> top_logprobs;
  bool operator==(const Read&) const = default;
};

class ScoreForm : public testing::TestWithParam<Form> {
 protected:
  Read run(
      const std::vector<std::vector<float>>& values,
      const std::vector<int32_t>& tokens,
      const std::vector<int32_t>& rows,
      int alternatives) {
    const mx::array token_array(
        tokens.begin(), mx::Shape{static_cast<int>(tokens.size())}, mx::int32);
    const Scores s =
        GetParam()(as_array(values), token_array, rows, alternatives);
    return {
        values_of<float>(s.logprobs), values_of<int32_t>(s.ranks),
        values_of<int32_t>(s.top_ids), values_of<float>(s.top_logprobs)};
  }
};

TEST_P(ScoreForm, EqualsLogSoftmaxInDouble) {
  for (int vocab : {2, 11, 127, 513, 32000}) {
    for (bool ties : {false, true}) {
      RandomRows random(static_cast<uint32_t>(vocab));
      const auto logits = random.logits(vocab, ties);
      const int token = random.below(vocab);
      const int k = 20;
      const Read got = run({logits}, {token}, {0}, k);
      const auto p = naive::softmax(logits);
      const auto order = naive::ordered(logits);
      EXPECT_NEAR(
          got.logprobs[0], std::log(p[static_cast<size_t>(token)]), 3e-4);
      EXPECT_EQ(
          got.ranks[0],
          1 + std::find(order.begin(), order.end(), token) - order.begin());
      for (size_t i = 0; i < static_cast<size_t>(std::min(k, vocab)); ++i) {
        EXPECT_EQ(got.top_ids[i], order[i]);
        EXPECT_NEAR(
            got.top_logprobs[i], std::log(p[static_cast<size_t>(order[i])]),
            3e-4);
      }
      if (vocab < k) {
        EXPECT_EQ(got.top_ids.back(), -1);
      }
    }
  }
}

TEST_P(ScoreForm, ARowIsTheSameAloneAndAmongOthers) {
  RandomRows random(8);
  std::vector<std::vector<float>> values;
  std::vector<int32_t> tokens;
  for (int r = 0; r < 64; ++r) {
    values.push_back(random.logits(513, r % 2 == 0));
    tokens.push_back(random.below(513));
  }
  const Read some = run(values, tokens, {3, 17, 60}, 5);
  const Read alone = run({values[17]}, {tokens[17]}, {0}, 5);
  EXPECT_EQ(alone.logprobs[0], some.logprobs[1]);
  EXPECT_EQ(alone.ranks[0], some.ranks[1]);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(alone.top_ids[i], some.top_ids[5 + i]);
    EXPECT_EQ(alone.top_logprobs[i], some.top_logprobs[5 + i]);
  }
}

TEST_P(ScoreForm, MinusInfinityIsWrittenAsANumber) {
  const float never = naive::kNever;
  const Read got = run({{never, 2, never, 2}}, {2}, {0}, 3);
  EXPECT_EQ(got.logprobs[0], -9999.0f);
  EXPECT_EQ(got.ranks[0], 4);
  EXPECT_THAT(got.top_ids, testing::ElementsAre(1, 3, -1));
  EXPECT_FLOAT_EQ(got.top_logprobs[0], -std::log(2.0f));
}

TEST_P(ScoreForm, WhatIsNotANumberStaysSo) {
  const float nan = std::nanf("");
  EXPECT_TRUE(std::isnan(run({{1, nan, 2}}, {2}, {0}, 1).logprobs[0]));
}

TEST(Score, RefusesWhatDoesNotFit) {
  const auto values = mx::zeros({2, 5});
  const auto tokens = mx::zeros({2}, mx::int32);
  EXPECT_NO_THROW(score(values, tokens, {1, 0, 1}, 3));
  EXPECT_ANY_THROW(score(mx::zeros({10}), tokens, {0}, 3));
  EXPECT_ANY_THROW(score(mx::zeros({2, 5}, mx::float16), tokens, {0}, 3));
  EXPECT_ANY_THROW(score(values, mx::zeros({3}, mx::int32), {0}, 3));
  EXPECT_ANY_THROW(score(values, mx::zeros({2}, mx::uint32), {0}, 3));
  EXPECT_ANY_THROW(score(values, tokens, {2}, 3));
  EXPECT_ANY_THROW(score(values, tokens, {-1}, 3));
  EXPECT_ANY_THROW(score(values, tokens, {0}, 0));
}

INSTANTIATE_TEST_SUITE_P(
    BothForms,
    ScoreForm,
    testing::Values(&score, &reference),
    [](const auto& form) { return form.index == 0 ? "Kernel" : "Reference"; });

} // namespace
} // namespace parallm
