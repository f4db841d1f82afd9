#pragma once

#include <string>
#include <vector>

#include "config/schema.h"

// Main thread, at the start.
namespace parallm {

// Later ones win.
enum class Source : uint8_t { kDefault, kFile, kVariable, kFlag };

// One setting as one source gave it, not yet checked.
struct Given {
  const Setting* setting = nullptr;
  Texts texts{};
  Source source = Source::kDefault;
  std::string where{}; // "--port", "PARALLM_PORT", "parallm.toml:3: port"
};

} // namespace parallm
