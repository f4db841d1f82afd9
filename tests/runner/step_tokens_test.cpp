#include "runner/step_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/check.h"

namespace parallm {
namespace {

std::vector<int32_t> read(mx::array array) {
  mx::eval(array);
  return {array.data<int32_t>(), array.data<int32_t>() + array.size()};
}

const std::optional<mx::array> kNone;

TEST(StepTokens, KnownOnesNeedNoDevice) {
  StepTokens tokens;
  tokens.add(7);
  tokens.add(0);
  EXPECT_THAT(read(tokens.array(kNone)), testing::ElementsAre(7, 0));
}

TEST(StepTokens, MixesKnownAndPendingInOrder) {
  StepTokens tokens;
  tokens.add(7);
  tokens.add_pending(2);
  tokens.add(8);
  tokens.add_pending(0);
  const std::optional<mx::array> ids = mx::array({10, 11, 12});
  EXPECT_THAT(read(tokens.array(ids)), testing::ElementsAre(7, 12, 8, 10));
}

TEST(StepTokens, TheStepBeforeAsAWholeIsPassedOn) {
  StepTokens tokens;
  tokens.add_pending(0);
  tokens.add_pending(1);
  const std::optional<mx::array> two = mx::array({10, 11});
  EXPECT_EQ(tokens.array(two).id(), two->id());
  const std::optional<mx::array> three = mx::array({10, 11, 12});
  EXPECT_THAT(read(tokens.array(three)), testing::ElementsAre(10, 11));
}

TEST(StepTokens, PendingWithoutAStepBeforeIsOurMistake) {
  StepTokens tokens;
  tokens.add_pending(0);
  EXPECT_THROW(tokens.array(kNone), CheckFailed);
}

} // namespace
} // namespace parallm
