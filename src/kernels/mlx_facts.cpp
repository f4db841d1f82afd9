#include "kernels/mlx_facts.h"

#include <mlx/mlx.h>

namespace parallm {

namespace mx = mlx::core;

std::string mlx_version() {
  return mx::version();
}

std::vector<std::string> mlx_devices() {
  std::vector<std::string> devices{"cpu"};
  if (mx::is_available(mx::Device::gpu)) {
    devices.emplace_back("gpu");
  }
  return devices;
}

} // namespace parallm
