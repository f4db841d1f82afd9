#pragma once

#include <string>
#include <vector>

// Any thread.
namespace parallm {

std::string mlx_version();
// "cpu", and "gpu" where MLX can use one.
std::vector<std::string> mlx_devices();

} // namespace parallm
