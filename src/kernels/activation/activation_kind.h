#pragma once

#include <cstdint>

// Plain values and functions without state: any thread.
namespace parallm {

enum class Activation : uint8_t {
  kSilu,     // x * sigmoid(x)
  kGelu,     // x * (1 + erf(x / sqrt 2)) / 2
  kGeluTanh, // the same with tanh for erf, approximately
  kRelu,     // max(x, 0)
  kRelu2,    // max(x, 0) squared
};

} // namespace parallm
