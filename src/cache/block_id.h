#pragma once

#include <cstdint>

// Plain values and functions without state: any thread.
namespace parallm {

// The number of a block of key/value memory. Nothing but its holders and the
// arrays of the runner know what is in it.
using BlockId = int32_t;
inline constexpr BlockId kNoBlock = -1;

} // namespace parallm
