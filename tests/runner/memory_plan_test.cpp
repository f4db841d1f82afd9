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
std::string refusal(const MemoryWish& wish, const MachineMemory& machine) {
  try {
    plan_memory(needs(), wish, machine);
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

TEST(MemoryPlan, TakesWhatTheFractionLeaves) {
  const MemoryPlan plan = plan_memory(needs(), {.fraction = 0.5}, machine(400));
  EXPECT_EQ(plan.blocks, 80);
}

TEST(MemoryPlan, TakesNoMoreThanIsAvailableNow) {
  const MemoryPlan plan =
      plan_memory(needs(), {.fraction = 1}, {10'000 * kMiB, 200 * kMiB});
  EXPECT_EQ(plan.blocks, 70);
}

TEST(MemoryPlan, ObeysTheAskedAmount) {
  EXPECT_EQ(
      plan_memory(needs(), {.kv_bytes = 40 * kMiB + 1}, machine(10'000)).blocks,
      40);
  EXPECT_EQ(
      plan_memory(needs(), {.kv_bytes = 200 * kMiB}, machine(10'000)).blocks,
      200);
}

TEST(MemoryPlan, FewBlocksMeanShortSequences) {
  const MemoryPlan plan = plan_memory(needs(), {.blocks = 3}, machine(10'000));
  EXPECT_EQ(plan.blocks, 3);
  EXPECT_EQ(plan.max_positions, 48);
}

TEST(MemoryPlan, RefusesWithTheNumbersWhenOneSequenceDoesNotFit) {
  EXPECT_EQ(
      refusal({.fraction = 1}, {200 * kMiB, 150 * kMiB}),
      "not enough memory: weights 100.0 MiB, working memory 20.0 MiB and one "
      "sequence of 512 tokens 32.0 MiB make 152.0 MiB, and 142.5 MiB may be "
      "used");
  EXPECT_NE(refusal({}, machine(10)), "");
  EXPECT_NE(refusal({.kv_bytes = 31 * kMiB}, machine(10'000)), "");
  EXPECT_NE(refusal({.blocks = 0}, machine(10'000)), "");
  EXPECT_NE(refusal({.blocks = 300}, machine(300)), "");
}

} // namespace
} // namespace parallm
