#include "kernels/allocation.h"

#include <gtest/gtest.h>

#include <new>
#include <stdexcept>

namespace parallm {
namespace {

TEST(Allocation, SaysBeforehandWhatIsRefused) {
  EXPECT_TRUE(can_allocate(0));
  EXPECT_TRUE(can_allocate(size_t{1} << 20));
  EXPECT_FALSE(can_allocate(size_t{1} << 60)); // beyond any address
}

TEST(Allocation, KnowsARefusalByTypeOrByMlxsWords) {
  EXPECT_TRUE(is_refused_memory(std::bad_alloc()));
  EXPECT_TRUE(is_refused_memory(
      std::runtime_error("[malloc] Unable to allocate 5 bytes.")));
  EXPECT_TRUE(is_refused_memory(std::runtime_error(
      "[metal::malloc] Attempting to allocate 9 bytes which is greater than "
      "the maximum allowed buffer size of 5 bytes.")));
  EXPECT_FALSE(is_refused_memory(
      std::runtime_error("[read] Unable to read 5 bytes from file.")));
}

} // namespace
} // namespace parallm
