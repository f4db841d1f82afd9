#include "sampling/sampled_step.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sampling/naive_sampler.h"
#include "tests/sampling/random_rows.h"

namespace parallm {
namespace {

SampleRow sample_row(float temperature, int logprobs, LogprobsMode mode) {
  SampleRow row;
  row.draw.temperature = temperature;
  row.logprobs = logprobs;
  row.mode = mode;
  return row;
}

double logprob_of(const std::vector<float>& values, int id) {
  return std::log(naive::softmax(values)[static_cast<size_t>(id)]);
}

TEST(SampledStep, GivesEachRowTheLogprobsItAsksFor) {
  RandomRows random(2);
  std::vector<std::vector<float>> logits;
  for (int r = 0; r < 5; ++r) {
    logits.push_back(random.logits(127, false));
  }
  std::vector<SampleRow> rows{
      sample_row(0.5f, 3, LogprobsMode::kProcessed),
      sample_row(1, -1, LogprobsMode::kRaw),
      sample_row(0.5f, 0, LogprobsMode::kRaw),
      sample_row(0, 2, LogprobsMode::kProcessed),
      sample_row(0.7f, 5, LogprobsMode::kRaw)};
  rows[0].draw.top_k = 2;
  rows[3].draw.banned = {1, 2, 3};
  const SampledStep step(as_array(logits), rows);
  mx::eval(step.arrays());

  const auto first = step.logprobs(0);
  const auto seen = naive::processed(logits[0], rows[0].draw);
  EXPECT_NEAR(first->logprob, logprob_of(seen, step.id(0)), 1e-5);
  EXPECT_EQ(first->top.size(), 2u); // of three asked: no more are left
  EXPECT_FALSE(step.logprobs(1));
  EXPECT_NEAR(
      step.logprobs(2)->logprob, logprob_of(logits[2], step.id(2)), 1e-5);
  EXPECT_THAT(step.logprobs(2)->top, testing::IsEmpty());
  const auto masked = naive::processed(logits[3], rows[3].draw);
  EXPECT_NEAR(step.logprobs(3)->logprob, logprob_of(masked, step.id(3)), 1e-5);
  EXPECT_EQ(step.logprobs(3)->rank, 1);
  EXPECT_EQ(step.logprobs(4)->top.size(), 5u);
  for (int r = 0; r < 5; ++r) {
    EXPECT_EQ(step.error(r), "");
  }
}

TEST(SampledStep, NamesWhatWentWrong) {
  SampleRow empty;
  empty.draw.banned = {0, 1};
  const SampledStep step(
      as_array({{1, 2}, {std::nanf(""), 2}, {1, 2}}),
      {empty, SampleRow{}, SampleRow{}});
  mx::eval(step.arrays());
  EXPECT_NE(step.error(0), "");
  EXPECT_TRUE(step.unsatisfiable(0));
  EXPECT_THAT(step.error(1), testing::HasSubstr("not finite"));
  EXPECT_EQ(step.error(2), "");
}

} // namespace
} // namespace parallm
