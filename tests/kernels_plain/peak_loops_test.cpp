#include "kernels/peak_loops.h"

#include <gtest/gtest.h>

namespace parallm {
namespace {

// A set that lacks an instruction of its loop would end the process here.
TEST(PeakLoops, RunUnderEachSetOfThisMachine) {
  for (const InstructionSet set : host_instruction_sets()) {
    for (const PeakLoop& loop :
         {f32_loop(set), int8_loop(set), bf16_loop(set)}) {
      if (loop.run != nullptr) {
        loop.run(1000);
        EXPECT_GT(loop.operations, 0) << name_of(set);
      }
    }
  }
}

TEST(PeakLoops, ThereIsOneOfFloatsAlwaysAndOfBytesWhereTheyAreMultiplied) {
  for (const InstructionSet set : host_instruction_sets()) {
    EXPECT_NE(f32_loop(set).run, nullptr) << name_of(set);
    EXPECT_EQ(int8_loop(set).run != nullptr, set != InstructionSet::kBaseline)
        << name_of(set);
  }
}

} // namespace
} // namespace parallm
