#pragma once

#include <fmt/ranges.h>
#include <mlx/mlx.h>

#include <sstream>
#include <string>

// Plain values and functions without state: any thread.
namespace parallm {

// "float32 (5, 64)": what came, for errors.
inline std::string array_text(const mlx::core::array& x) {
  std::ostringstream type;
  type << x.dtype();
  return fmt::format("{} ({})", type.str(), fmt::join(x.shape(), ", "));
}

} // namespace parallm
