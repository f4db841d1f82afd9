#pragma once

#include <mlx/mlx.h>

#include <vector>

// How kernels go on from the states that earlier steps left. Plain values;
// engine thread, as far as they hold arrays.
namespace parallm {

namespace mx = mlx::core;

// One sequence's part of a step.
struct StateRow {
  int slot = 0;        // where its state is
  int first_token = 0; // in the step
  int tokens = 0;
  bool begins = false; // with its first token: whatever is in the slot, its
                       // state counts as zeros
};

// What a kernel brought, and the states' new handle: the same memory, ordered
// after the kernel; whoever goes on must take this.
struct Advanced {
  mx::array out;
  mx::array states;
};

// CHECKs that the rows are the step's tokens in order, and their slots among
// `slots`, each named once.
void check_state_rows(const std::vector<StateRow>& rows, int tokens, int slots);

} // namespace parallm
