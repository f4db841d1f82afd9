#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <vector>

// The one order of tokens: larger value first, ties by lower id. Plain
// numbers. No MLX here; any thread.
namespace parallm {

// Smaller is earlier. The upper half orders the value, the lower is the id.
using OrderKey = uint64_t;

inline constexpr OrderKey kLastKey = std::numeric_limits<OrderKey>::max();

inline OrderKey order_key(float value, uint32_t id) {
  const auto bits = std::bit_cast<uint32_t>(value + 0.0f); // -0 becomes +0
  const uint32_t rising = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
  return uint64_t{~rising} << 32 | id;
}

inline int32_t id_of(OrderKey key) {
  return static_cast<int32_t>(key);
}

// The first `count` tokens of `values` in order, without those at -infinity;
// fewer if there are fewer.
std::vector<OrderKey> first_in_order(const float* values, int vocab, int count);

// The largest of `values` and whether any is not a number.
struct Extent {
  float largest = -std::numeric_limits<float>::infinity();
  bool has_nan = false;
};
Extent extent_of(const float* values, int vocab);

} // namespace parallm
