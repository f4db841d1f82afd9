#pragma once

// Plain values and functions without state: any thread.
namespace parallm {

inline constexpr const char* kVersion = "0.1.0";

} // namespace parallm
