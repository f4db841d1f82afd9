#pragma once

#include <cstdint>

// Plain values and functions without state: any thread.
namespace parallm {

enum class NormKind : uint8_t { kRms, kLayer };

struct NormSpec {
  NormKind kind = NormKind::kRms;
  float eps = 1e-5f;
  bool plus_one = false; // the weight is stored less 1 (Gemma)
  bool bias = false;     // LayerNorm only
};

} // namespace parallm
