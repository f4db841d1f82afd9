#include "kernels/cpu_primitive.h"

#include <gtest/gtest.h>

#include "tests/support/arrays.h"

namespace parallm {
namespace {

// AddressSanitizer ends the process over a request of this size.
bool is_sanitized() {
#if defined(__SANITIZE_ADDRESS__)
  return true;
#elif defined(__has_feature)
  return __has_feature(address_sanitizer);
#else
  return false;
#endif
}

TEST(Allocate, ThrowsWhereMlxHandsOutNull) {
  if (is_sanitized()) {
    GTEST_SKIP() << "needs a build without AddressSanitizer";
  }
  mx::array small({3}, mx::float32, nullptr, {});
  allocate(small);
  EXPECT_NE(small.data<float>(), nullptr);
  mx::array beyond_any_address(
      {1 << 20, 1 << 20, 1 << 18}, mx::float32, nullptr, {});
  EXPECT_THROW(allocate(beyond_any_address), std::runtime_error);
}

} // namespace
} // namespace parallm
