#include "runner/machine_memory.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "base/control_group.h"

namespace parallm {
namespace {

namespace fs = std::filesystem;

// One version of control groups: its files, and what it calls them.
struct GroupVersion {
  const char* folder;     // below the root
  const char* controller; // in proc/self/cgroup
  const char* limit;
  const char* used;
  const char* cached[2]; // in memory.stat, groups below included
};

// Where both are mounted, the memory belongs to the first; the second then
// has no such files.
constexpr GroupVersion kVersions[] = {
    {"sys/fs/cgroup/memory",
     "memory",
     "memory.limit_in_bytes",
     "memory.usage_in_bytes",
     {"total_inactive_file", "total_active_file"}},
    {"sys/fs/cgroup",
     "",
     "memory.max",
     "memory.current",
     {"inactive_file", "active_file"}}};

// A file of one number. A limit that is not set reads "max" in version 2, and
// in version 1 it is larger than any machine.
std::optional<size_t> number_in(const fs::path& path) {
  std::ifstream file(path);
  size_t number = 0;
  return file >> number ? std::optional(number) : std::nullopt;
}

// The number behind a key, in a file of one key a line.
std::optional<size_t> number_of(const fs::path& path, const std::string& key) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string name;
    size_t number = 0;
    if (words >> name >> number && name == key) {
      return number;
    }
  }
  return std::nullopt;
}

// File cache counts as used, but the kernel gives it back before it refuses
// memory: it is available.
void apply_group(
    MachineMemory& memory, const fs::path& group, const GroupVersion& version) {
  const auto limit = number_in(group / version.limit);
  if (!limit) {
    return;
  }
  size_t used = number_in(group / version.used).value_or(0);
  for (const char* key : version.cached) {
    used -= std::min(used, number_of(group / "memory.stat", key).value_or(0));
  }
  memory.total = std::min(memory.total, *limit);
  memory.available =
      std::min(memory.available, *limit - std::min(*limit, used));
}

} // namespace

MachineMemory machine_memory() {
  const auto bytes = static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) *
                     static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return limited_memory({bytes, bytes}, "/");
}

MachineMemory limited_memory(MachineMemory machine, const fs::path& root) {
  if (const auto kib = number_of(root / "proc/meminfo", "MemAvailable:")) {
    machine.available = std::min(machine.available, *kib << 10);
  }
  for (const GroupVersion& version : kVersions) {
    for (const auto& group :
         control_groups(root, version.folder, version.controller)) {
      apply_group(machine, group, version);
    }
  }
  return machine;
}

} // namespace parallm
