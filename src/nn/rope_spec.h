#pragma once

#include "kernels/rope/rope.h"
#include "nn/config_json.h"

namespace parallm {

// How a head is turned by position. Constant once read.
struct RopeSpec {
  enum class Scaling : uint8_t { kNone, kLinear, kLlama3 };

  int width = 0; // of a head
  double theta = 10000;
  RopePairs pairs = RopePairs::kHalves;
  Scaling scaling = Scaling::kNone;
  double factor = 1;                // linear and llama3
  double low_frequency_factor = 1;  // llama3
  double high_frequency_factor = 4; // llama3
  int original_positions = 8192;    // llama3: context before scaling

  // From config.json. Any thread. Throws StartError that names the key; a
  // setting that is not known here is one.
  static RopeSpec read(const ConfigJson& config, int head_dim);
};

} // namespace parallm
