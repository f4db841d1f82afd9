#pragma once

#include <algorithm>
#include <cmath>

// Functions without state: any thread.
namespace parallm {

// ln(1 + e^x), also where e^x is beyond all floats.
inline float softplus(float x) {
  return std::max(x, 0.0f) + std::log1p(std::exp(-std::abs(x)));
}

} // namespace parallm
