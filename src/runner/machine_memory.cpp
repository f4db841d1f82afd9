#include "runner/machine_memory.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>

namespace parallm {
namespace {

// A file of one number; a limit that is not set reads "max".
std::optional<size_t> number_in(const char* path) {
  std::ifstream file(path);
  size_t bytes = 0;
  return file >> bytes ? std::optional(bytes) : std::nullopt;
}

std::optional<size_t> available_by_kernel() {
  std::ifstream file("/proc/meminfo");
  std::string key;
  size_t kib = 0;
  while (file >> key >> kib) {
    if (key == "MemAvailable:") {
      return kib << 10;
    }
    file.ignore(16, '\n');
  }
  return std::nullopt;
}

// The container's limit less what it uses, without counting its file cache.
void apply_container(MachineMemory& memory) {
  const auto limit = number_in("/sys/fs/cgroup/memory.max");
  const auto used = number_in("/sys/fs/cgroup/memory.current");
  if (!limit) {
    return;
  }
  memory.total = std::min(memory.total, *limit);
  memory.available =
      std::min(memory.available, *limit - std::min(*limit, used.value_or(0)));
}

} // namespace

MachineMemory machine_memory() {
  MachineMemory memory;
  memory.total = static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) *
                 static_cast<size_t>(sysconf(_SC_PAGESIZE));
  memory.available = available_by_kernel().value_or(memory.total);
  apply_container(memory);
  return memory;
}

} // namespace parallm
