#pragma once

#include <span>
#include <string_view>

#include "nn/gguf/gguf_keys.h"

namespace parallm {

// A setting of experts, and how config.json calls it.
struct GgufWidth {
  std::string_view setting; // behind the architecture's name
  std::string_view key;
};

// What the format calls an architecture, and a checkpoint folder the same.
struct GgufArchitecture {
  std::string_view name; // in general.architecture
  std::string_view model_type;
  std::string_view experts{};   // how their modules begin; "": it has none
  std::string_view count_key{}; // of config.json: how many they are
  bool normalizes = false;      // the shares of those that a token visits
  std::span<const GgufWidth> widths{};

  bool has_experts() const { return !experts.empty(); }
};

// Of a file, by its name and by whether it counts experts. Any thread. Throws
// StartError.
const GgufArchitecture& gguf_architecture(const GgufKeys& keys);

} // namespace parallm
