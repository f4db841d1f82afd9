#include "nn/safetensors_header.h"

#include <gtest/gtest.h>

namespace parallm {
namespace {

TEST(SafetensorsHeader, CountsWhatATensorTakesOnceLoaded) {
  const TensorInfo half{"w", "F16", {3, 5}, 30};
  const TensorInfo wide{"w", "F64", {3, 5}, 120};
  const TensorInfo packed{"w", "U32", {3, 5}, 60};
  EXPECT_EQ(loaded_bytes(half), 30u);
  EXPECT_EQ(loaded_bytes(wide), 60u);
  EXPECT_EQ(loaded_bytes(packed), 60u);
  EXPECT_EQ(loaded_bytes(half, mx::float32), 60u);
  EXPECT_EQ(loaded_bytes(wide, mx::bfloat16), 30u);
  EXPECT_EQ(loaded_bytes(packed, mx::bfloat16), 60u);
}

} // namespace
} // namespace parallm
