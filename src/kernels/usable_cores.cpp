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

namespace fs = std::filesystem;

// Microseconds of CPU time in each period.
struct Quota {
  int64_t granted = 0;
  int64_t period = 0;
};

// "150000 100000", or "max 100000" where there is no limit.
Quota second_version(const fs::path& group) {
  Quota quota;
  std::ifstream(group / "cpu.max") >> quota.granted >> quota.period;
  return quota;
}

// A file each; -1 where there is no limit.
Quota first_version(const fs::path& group) {
  Quota quota;
  std::ifstream(group / "cpu.cfs_quota_us") >> quota.granted;
  std::ifstream(group / "cpu.cfs_period_us") >> quota.period;
  return quota;
}

int limited_by(const Quota& quota, int cores) {
  if (quota.granted <= 0 || quota.period <= 0) {
    return cores;
  }
  const int64_t granted = (quota.granted + quota.period - 1) / quota.period;
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
    cores = limited_by(second_version(group), cores);
  }
  for (const auto& group : control_groups(root, "sys/fs/cgroup/cpu", "cpu")) {
    cores = limited_by(first_version(group), cores);
  }
  return cores;
}

} // namespace parallm
