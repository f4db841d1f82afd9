#include "kernels/roofline.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/kernels_plain/each_set.h"

namespace parallm {
namespace {

using test::under_each_set;

bool is_rate(double value) {
  return std::isfinite(value) && value > 0;
}

// How fast is the machine's affair; that all of it was measured is ours.
TEST(Roofline, MeasuresWhatEachSetHas) {
  KernelPool pool(2);
  under_each_set([&] {
    const Roofline roof =
        measure_roofline(pool, {.buffer_bytes = size_t{8} << 20, .rounds = 1});
    const InstructionSet set = instruction_set();
    EXPECT_EQ(roof.threads, 2);
    EXPECT_TRUE(is_rate(roof.read_gb_s)) << roof.read_gb_s;
    EXPECT_TRUE(is_rate(roof.copy_gb_s)) << roof.copy_gb_s;
    EXPECT_TRUE(is_rate(roof.f32_gflop_s)) << roof.f32_gflop_s;
    if (set == InstructionSet::kBaseline) {
      EXPECT_EQ(roof.int8_gop_s, 0);
    } else {
      EXPECT_TRUE(is_rate(roof.int8_gop_s)) << roof.int8_gop_s;
    }
    if (bfloat16_set(set) == InstructionSet::kAvx512Bf16) {
      EXPECT_TRUE(is_rate(roof.bf16_gflop_s)) << roof.bf16_gflop_s;
    } else {
      EXPECT_EQ(roof.bf16_gflop_s, 0);
    }
  });
}

// Less than a piece for each half of a copy.
TEST(Roofline, MeasuresABufferOfAnySize) {
  KernelPool pool(1);
  const Roofline roof =
      measure_roofline(pool, {.buffer_bytes = 1, .rounds = 1});
  EXPECT_TRUE(is_rate(roof.read_gb_s));
  EXPECT_TRUE(is_rate(roof.copy_gb_s));
  EXPECT_TRUE(
      is_rate(measure_read_gb_s(pool, {.buffer_bytes = 1, .rounds = 1})));
}

} // namespace
} // namespace parallm
