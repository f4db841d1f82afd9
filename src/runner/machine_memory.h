#pragma once

#include <cstddef>
#include <filesystem>

namespace parallm {

// Bytes.
struct MachineMemory {
  size_t total = 0;     // of the machine, or of the container if that is less
  size_t available = 0; // to a process that starts now
};

// Any thread.
MachineMemory machine_memory();

// `machine` lowered to what Linux says in the files below `root`, which is "/"
// but in tests: proc/meminfo, and the limits of the process's control group
// and of all above it, versions 1 and 2. Files that are not there limit
// nothing. Any thread.
MachineMemory limited_memory(
    MachineMemory machine, const std::filesystem::path& root);

} // namespace parallm
