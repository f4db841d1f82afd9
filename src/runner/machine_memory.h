#pragma once

#include <cstddef>

namespace parallm {

// Bytes. Any thread.
struct MachineMemory {
  size_t total = 0;     // of the machine, or of the container if that is less
  size_t available = 0; // to a process that starts now
};

MachineMemory machine_memory();

} // namespace parallm
