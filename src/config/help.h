#pragma once

#include <string>
#include <string_view>

// Main thread, at the start.
namespace parallm {

// `program`: "parallm serve" or "mlx_parallm_serve".
std::string server_help(std::string_view program);

} // namespace parallm
