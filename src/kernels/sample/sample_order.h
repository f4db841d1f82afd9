#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "kernels/sample/logit_row.h"

// The one order of tokens: larger value first, ties by lower id. Plain
// numbers. No MLX here; any thread.
namespace parallm {

// Smaller is earlier. The upper half orders the value, the lower is the id.
using OrderKey = uint64_t;

inline OrderKey order_key(float value, uint32_t id) {
  const auto bits = std::bit_cast<uint32_t>(value + 0.0f); // -0 becomes +0
  const uint32_t rising = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
  return uint64_t{~rising} << 32 | id;
}

inline int32_t id_of(OrderKey key) {
  return static_cast<int32_t>(key);
}

// The first `count` tokens of a row in order, without those at -infinity;
// fewer if there are fewer.
std::vector<OrderKey> first_in_order(
    const LogitRow& row, const RowExtent& extent, int count);

// The tokens whose values lie in [least, above), in order.
std::vector<OrderKey> between(const LogitRow& row, float least, float above);

} // namespace parallm
