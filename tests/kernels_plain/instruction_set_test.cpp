#include "kernels/instruction_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/check.h"

namespace parallm {
namespace {

constexpr InstructionSet kAll[] = {
    InstructionSet::kBaseline,   InstructionSet::kAvx2,
    InstructionSet::kAvxVnni,    InstructionSet::kAvx512,
    InstructionSet::kAvx512Vnni, InstructionSet::kAvx512Bf16,
    InstructionSet::kAmx,        InstructionSet::kNeonDot,
    InstructionSet::kNeonI8mm};

static_assert(vector_set(InstructionSet::kAvxVnni) == InstructionSet::kAvx2);
static_assert(vector_set(InstructionSet::kAmx) == InstructionSet::kAvx512);
static_assert(
    bfloat16_set(InstructionSet::kAmx) == InstructionSet::kAvx512Bf16);

bool host_has(InstructionSet set) {
  const auto sets = host_instruction_sets();
  return std::ranges::find(sets, set) != sets.end();
}

TEST(InstructionSet, TheBaselineIsFirstAndTheBestLast) {
  const auto sets = host_instruction_sets();
  EXPECT_EQ(sets.front(), InstructionSet::kBaseline);
  EXPECT_TRUE(std::ranges::is_sorted(sets));
}

TEST(InstructionSet, TheBestIsUsedUnlessTold) {
  EXPECT_EQ(instruction_set(), host_instruction_sets().back());
  for (const InstructionSet set : host_instruction_sets()) {
    use_instruction_set(set);
    EXPECT_EQ(instruction_set(), set);
  }
}

TEST(InstructionSet, WhatTheMachineHasNotIsRefused) {
  for (const InstructionSet set : kAll) {
    if (!host_has(set)) {
      EXPECT_THROW(use_instruction_set(set), CheckFailed) << name_of(set);
    }
  }
}

// Else a machine would run what it has not.
TEST(InstructionSet, CodeThatRunsIsOfASetThatTheMachineHas) {
  for (const InstructionSet set : host_instruction_sets()) {
    for (const InstructionSet code : {vector_set(set), bfloat16_set(set)}) {
      EXPECT_TRUE(host_has(code)) << name_of(code);
      EXPECT_LE(code, set);
      EXPECT_EQ(vector_set(vector_set(code)), vector_set(set));
    }
  }
}

TEST(InstructionSet, EachHasANameOfItsOwn) {
  std::vector<std::string> names;
  for (const InstructionSet set : kAll) {
    names.emplace_back(name_of(set));
  }
  std::ranges::sort(names);
  EXPECT_FALSE(names.front().empty());
  EXPECT_EQ(std::ranges::adjacent_find(names), names.end());
}

// An emulator is told which processor it is (tools/run_tests.py).
TEST(InstructionSet, TheBestIsWhatTheEmulatedProcessorHas) {
  if (const char* best = std::getenv("PARALLM_EMULATED_SET")) {
    EXPECT_STREQ(name_of(host_instruction_sets().back()), best);
  }
}

} // namespace
} // namespace parallm
