#pragma once

namespace parallm {

inline constexpr const char* kVersion = "0.1.0";

} // namespace parallm
