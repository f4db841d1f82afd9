#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "runner/machine_memory.h"

namespace parallm {

// What the model asks of memory, in bytes, and what was asked of us.
struct MemoryNeeds {
  size_t weights = 0;
  size_t making = 0;  // beside the weights, at most, while they are loaded
  size_t working = 0; // of one step at its largest
  size_t answers = 0; // set aside for answers that are gathered
  size_t heap = 0;    // small buffers, operations, threads
  size_t states = 0;  // of all sequences, in models that keep any
  size_t block = 0;   // keys and values of one block, all layers; may be 0
  int block_tokens = 16;
  int max_positions = 0; // of one sequence
  int max_sequences = 1;
};

struct MemoryWish {
  double fraction = 0.85;           // of the machine, for all of it
  std::optional<size_t> kv_bytes{}; // --kv-memory: instead of what the fraction
                                    // leaves, within what is available
  std::optional<int> blocks{};      // instead of what either leaves
};

struct MemoryPlan {
  size_t weights = 0;
  size_t working = 0;
  size_t answers = 0;
  size_t heap = 0;
  size_t states = 0;
  size_t kv = 0;
  int blocks = 0;           // times block_tokens: fits an int32
  int max_positions = 0;    // of one sequence; fewer if the blocks hold fewer
  size_t total() const;     // bytes
  std::string text() const; // for the log, in MiB
};

// Throws StartError(kExitNoMemory) with the numbers if the model and one
// useful sequence, or what was asked for, do not fit. Any thread.
MemoryPlan plan_memory(
    const MemoryNeeds& needs,
    const MemoryWish& wish,
    const MachineMemory& machine);

} // namespace parallm
