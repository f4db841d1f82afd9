#include "runtime/metered_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/scripted_runner.h"

namespace parallm {
namespace {

using testing::HasSubstr;

class Throwing : public ScriptedRunner {
 public:
  using ScriptedRunner::ScriptedRunner;
  void launch(const StepPlan&) override { throw std::runtime_error("no"); }
};

StepPlan plan_of(uint64_t id, int rows) {
  StepPlan plan;
  plan.id = StepId{id};
  plan.slots.emplace_back();
  for (int i = 0; i < rows; ++i) {
    plan.rows.push_back({.end = 1});
  }
  return plan;
}

TokenId zero(const ScriptLine&) {
  return 0;
}

TEST(MeteredRunner, CountsRowsAndSteps) {
  ServerMetrics metrics;
  MeteredRunner runner(std::make_unique<ScriptedRunner>(zero), metrics);
  runner.launch(plan_of(1, 3));
  runner.sample(plan_of(1, 3));
  runner.launch(plan_of(2, 5));
  EXPECT_EQ(runner.collect().rows.size(), 3u);
  runner.sample(plan_of(2, 5));
  EXPECT_EQ(runner.collect().rows.size(), 5u);
  const std::string text = metrics.render({});
  EXPECT_THAT(text, HasSubstr("parallm_batch_size_sum 8\n"));
  EXPECT_THAT(text, HasSubstr("parallm_batch_size_count 2\n"));
  EXPECT_THAT(text, HasSubstr("parallm_engine_step_seconds_count 2\n"));
}

TEST(MeteredRunner, PassesOnWhatIsThrown) {
  ServerMetrics metrics;
  MeteredRunner runner(std::make_unique<Throwing>(zero), metrics);
  EXPECT_THROW(runner.launch(plan_of(1, 1)), std::runtime_error);
  EXPECT_THAT(
      metrics.render({}), HasSubstr("parallm_engine_step_seconds_count 0\n"));
}

} // namespace
} // namespace parallm
