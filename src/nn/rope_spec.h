#pragma once

#include <string>
#include <vector>

#include "kernels/rope/rope_pairs.h"
#include "nn/config_json.h"

namespace parallm {

// How a head is turned by position. Constant once read.
struct RopeSpec {
  enum class Scaling : uint8_t { kNone, kLinear, kLlama3, kYarn, kLongRope };

  int width = 0; // of what is turned: the first numbers of a head
  double theta = 10000;
  RopePairs pairs = RopePairs::kHalves;
  Scaling scaling = Scaling::kNone;
  double factor = 1;                // linear, llama3, yarn
  double low_frequency_factor = 1;  // llama3
  double high_frequency_factor = 4; // llama3
  int original_positions = 8192;    // context before scaling
  double beta_fast = 32;            // yarn: turns above which nothing scales
  double beta_slow = 1;             // yarn: turns below which all scales
  bool whole_pairs = true;          // yarn: it changes over at a whole pair
  std::vector<double> factors{};    // longrope: one a pair
  double amplitude = 1;             // of what is turned: yarn, longrope
  double score_scale = 1; // yarn: of scores, for families that say so (MLA)
};

// Where families name the same setting differently.
struct RopeKeys {
  std::string theta = "rope_theta";
  std::string partial = "partial_rotary_factor";
  std::string layer_type = ""; // the set for layers of this type, if there are
                               // several
  std::string also = "";       // a setting that the family reads itself
};

// From config.json: turns `head_dim` times the partial factor, rounded down.
// Any thread. Throws StartError that names the key; a setting that is not known
// here is one.
RopeSpec read_rope(
    const ConfigJson& config, int head_dim, const RopeKeys& keys = {});

} // namespace parallm
