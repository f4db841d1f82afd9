#pragma once

#include <cstdint>

// Plain values and functions without state: any thread.
namespace parallm {

// The ways in which MLX packs a weight.
enum class QuantMode : uint8_t { kAffine, kMxfp4, kNvfp4, kMxfp8 };

// As MLX and config.json write it.
constexpr const char* name_of(QuantMode mode) {
  switch (mode) {
    case QuantMode::kAffine:
      return "affine";
    case QuantMode::kMxfp4:
      return "mxfp4";
    case QuantMode::kNvfp4:
      return "nvfp4";
    case QuantMode::kMxfp8:
      return "mxfp8";
  }
  return "";
}

} // namespace parallm
