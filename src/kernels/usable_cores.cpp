#include "kernels/usable_cores.h"

#ifdef __linux__
#include <sched.h>
#endif

#include <algorithm>
#include <fstream>
#include <thread>

#include "base/control_group.h"

namespace parallm {
namespace {

// The file reads "150000 100000": microseconds of CPU time in each period; or
// "max 100000".
int limited_by(const std::filesystem::path& cpu_max, int cores) {
  std::ifstream file(cpu_max);
  int64_t quota = 0;
  int64_t period = 0;
  if (!(file >> quota >> period) || quota <= 0 || period <= 0) {
    return cores;
  }
  const int64_t granted = (quota + period - 1) / period;
  return static_cast<int>(std::min(int64_t{cores}, granted));
}

int cores_to_run_on() {
#ifdef __linux__
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof(cores), &cores) == 0) {
    return std::max(1, CPU_COUNT(&cores));
  }
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

} // namespace

int usable_cores() {
  return limited_cores(cores_to_run_on(), "/");
}

int limited_cores(int cores, const std::filesystem::path& root) {
  for (const auto& group : control_groups(root, "sys/fs/cgroup", "")) {
    cores = limited_by(group / "cpu.max", cores);
  }
  return cores;
}

} // namespace parallm
