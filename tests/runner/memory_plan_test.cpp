#include "runner/memory_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/check.h"

namespace parallm {
namespace {

constexpr size_t kMiB = 1 << 20;

MemoryNeeds needs() {
  return {
      .weights = 100 * kMiB,
      .working = 20 * kMiB,
      .block = kMiB,
      .block_tokens = 16,
      .max_positions = 512,
      .max_sequences = 4};
}

MachineMemory machine(size_t mib) {
  return {mib * kMiB, mib * kMiB};
}

// What the refusal says, or nothing.
std::string refusal(
    const MemoryWish& wish,
    const MachineMemory& machine,
    const MemoryNeeds& asked = needs()) {
  try {
    plan_memory(asked, wish, machine);
    return {};
  } catch (const StartError& error) {
    EXPECT_EQ(error.exit_code, kExitNoMemory);
    return error.what();
  }
}

TEST(MemoryPlan, TakesNoMoreBlocksThanAllSequencesCanFill) {
  const MemoryPlan plan = plan_memory(needs(), {}, machine(10'000));
  EXPECT_EQ(plan.blocks, 4 * 512 / 16);
  EXPECT_EQ(plan.kv, 128 * kMiB);
  EXPECT_EQ(plan.max_positions, 512);
}

TEST(MemoryPlan, StatesAreTakenBeforeBlocks) {
  MemoryNeeds asked = needs();
  asked.states = 30 * kMiB;
  const MemoryPlan plan = plan_memory(asked, {.fraction = 0.5}, machine(400));
  EXPECT_EQ(plan.blocks, 50);
  EXPECT_EQ(plan.states, 30 * kMiB);
  EXPECT_THAT(plan.text(), testing::HasSubstr(", states 30.0 MiB"));
  EXPECT_THAT(
      refusal({}, machine(140), asked),
      testing::HasSubstr("states 30.0 MiB and one sequence"));
}

TEST(MemoryPlan, TheHeapIsTakenBeforeBlocks) {
  MemoryNeeds asked = needs();
  asked.heap = 10 * kMiB;
  const MemoryPlan plan = plan_memory(asked, {.fraction = 0.5}, machine(400));
  EXPECT_EQ(plan.blocks, 70);
  EXPECT_EQ(plan.total(), 200 * kMiB);
  EXPECT_THAT(plan.text(), testing::HasSubstr(", heap 10.0 MiB"));
}

// Only states: blocks are but numbers in the books.
TEST(MemoryPlan, BlocksThatCostNothingAreAsManyAsSequencesCanFill) {
  MemoryNeeds asked = needs();
  asked.block = 0;
  for (const MemoryWish& wish : {MemoryWish{}, MemoryWish{.kv_bytes = kMiB}}) {
    const MemoryPlan plan = plan_memory(asked, wish, machine(400));
    EXPECT_EQ(plan.blocks, 4 * 512 / 16);
    EXPECT_EQ(plan.kv, 0u);
  }
}

TEST(MemoryPlan, TakesWhatTheFractionLeaves) {
  const MemoryPlan plan = plan_memory(needs(), {.fraction = 0.5}, machine(400));
  EXPECT_EQ(plan.blocks, 80);
}

TEST(MemoryPlan, TakesNoMoreThanIsAvailableNow) {
  const MemoryPlan plan =
      plan_memory(needs(), {.fraction = 1}, {10'000 * kMiB, 200 * kMiB});
  EXPECT_EQ(plan.blocks, 70);
}

// There is no cache yet when weights are made: only both together must fit.
TEST(MemoryPlan, LeavesRoomToMakeTheWeights) {
  MemoryNeeds making = needs();
  making.making = 100 * kMiB;
  EXPECT_EQ(plan_memory(making, {.fraction = 1}, machine(300)).blocks, 128);
  making.making = 900 * kMiB;
  EXPECT_EQ(
      refusal({.fraction = 1}, machine(1000), making),
      "not enough memory: weights 100.0 MiB and 900.0 MiB to load them, and "
      "950.0 MiB may be used");
}

TEST(MemoryPlan, ObeysTheAskedAmount) {
  EXPECT_EQ(
      plan_memory(needs(), {.kv_bytes = 40 * kMiB + 1}, machine(10'000)).blocks,
      40);
  EXPECT_EQ(
      plan_memory(needs(), {.kv_bytes = 200 * kMiB}, machine(10'000)).blocks,
      200);
}

TEST(MemoryPlan, AnAskedAmountIsNotHeldToTheFraction) {
  const MemoryPlan plan = plan_memory(
      needs(), {.fraction = 0.1, .kv_bytes = 880 * kMiB}, machine(1000));
  EXPECT_EQ(plan.blocks, 880);
  EXPECT_EQ(plan.kv, 880 * kMiB);
}

TEST(MemoryPlan, AnAskedAmountThatDoesNotFitIsRefusedByName) {
  EXPECT_EQ(
      refusal({.kv_bytes = 881 * kMiB}, machine(1000)),
      "not enough memory: weights 100.0 MiB, working memory 20.0 MiB, answers "
      "0.0 MiB, heap 0.0 MiB and --kv-memory 881.0 MiB make 1001.0 MiB, and "
      "1000.0 MiB may be used");
}

TEST(MemoryPlan, AnAskedAmountForLessThanOneSequenceIsRefusedByName) {
  EXPECT_EQ(
      refusal({.kv_bytes = 32 * kMiB - 1}, machine(1000)),
      "--kv-memory: 33554431 bytes are too few, one sequence of 512 tokens "
      "takes 33554432");
  EXPECT_EQ(refusal({.kv_bytes = 32 * kMiB}, machine(1000)), "");
}

TEST(MemoryPlan, SetsMemoryForAnswersAside) {
  MemoryNeeds with_answers = needs();
  with_answers.answers = 30 * kMiB;
  const MemoryPlan plan =
      plan_memory(with_answers, {.fraction = 0.5}, machine(400));
  EXPECT_EQ(plan.answers, 30 * kMiB);
  EXPECT_EQ(plan.blocks, 50);
  const MemoryWish wish{.kv_bytes = 880 * kMiB};
  EXPECT_THAT(
      refusal(wish, machine(1000), with_answers),
      testing::HasSubstr(
          "answers 30.0 MiB, heap 0.0 MiB and --kv-memory 880.0 MiB"));
}

// 2 TiB for blocks of a byte.
TEST(MemoryPlan, PlacesInThePoolFitAnInt32) {
  constexpr size_t kMuch = size_t{1} << 41;
  const MemoryNeeds tiny{
      .block = 1,
      .block_tokens = 16,
      .max_positions = 1 << 27,
      .max_sequences = 1 << 16};
  for (const MemoryWish& wish :
       {MemoryWish{}, MemoryWish{.kv_bytes = kMuch / 2}}) {
    const MemoryPlan plan = plan_memory(tiny, wish, {kMuch, kMuch});
    EXPECT_EQ(plan.blocks, 134217727); // times 16 is just below 2^31
    EXPECT_EQ(plan.max_positions, 1 << 27);
  }
}

TEST(MemoryPlan, FewBlocksMeanShortSequences) {
  const MemoryPlan plan = plan_memory(needs(), {.blocks = 3}, machine(10'000));
  EXPECT_EQ(plan.blocks, 3);
  EXPECT_EQ(plan.max_positions, 48);
}

TEST(MemoryPlan, RefusesWithTheNumbersWhenOneSequenceDoesNotFit) {
  EXPECT_EQ(
      refusal({.fraction = 1}, {200 * kMiB, 150 * kMiB}),
      "not enough memory: weights 100.0 MiB, working memory 20.0 MiB, answers "
      "0.0 MiB, heap 0.0 MiB and one sequence of 512 tokens 32.0 MiB make "
      "152.0 MiB, and 142.5 MiB may be used");
  EXPECT_NE(refusal({}, machine(10)), "");
  EXPECT_NE(refusal({.blocks = 0}, machine(10'000)), "");
  EXPECT_NE(refusal({.blocks = 300}, machine(300)), "");
}

} // namespace
} // namespace parallm
