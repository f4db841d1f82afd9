#include "kernels/cpu_primitive.h"

#include <gtest/gtest.h>

#include "tests/support/arrays.h"

namespace parallm {
namespace {

// MLX would count what it refused as in use, and every eval would spin.
TEST(Allocate, ThrowsWhereMemoryIsRefusedAndMlxCountsNothing) {
  mx::array small({3}, mx::float32, nullptr, {});
  allocate(small);
  EXPECT_NE(small.data<float>(), nullptr);
  mx::array beyond_any_address(
      {1 << 20, 1 << 20, 1 << 18}, mx::float32, nullptr, {});
  const size_t in_use = mx::get_active_memory();
  EXPECT_THROW(allocate(beyond_any_address), std::runtime_error);
  EXPECT_EQ(mx::get_active_memory(), in_use);
}

} // namespace
} // namespace parallm
