#pragma once

#include <cstdint>

// Plain values and functions without state: any thread.
namespace parallm {

// Which two of the R numbers of a head that are turned turn together.
enum class RopePairs : uint8_t {
  kHalves,   // i and i + R / 2
  kAdjacent, // 2 i and 2 i + 1; "traditional" in MLX
};

} // namespace parallm
