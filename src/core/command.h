#pragma once

#include <variant>

#include "core/types.h"

namespace parallm {

// What the rest of the process sends to an engine. Made on any thread.
using EngineCommand = std::variant<GenerateRequest, CancelRequest>;

} // namespace parallm
