#pragma once

#include <mlx/mlx.h>

#include <algorithm>
#include <vector>

#include "kernels/simd.h"

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

// CHECKs that states are rows of so many float32 each, and that the rows of the
// step are its tokens in order, and their slots among the states, each named
// once.
void check_states(
    const mx::array& states,
    int floats,
    const std::vector<StateRow>& rows,
    int tokens);

// A head's state, of so many floats: zeros if the row begins.
PARALLM_INLINE float* head_state(
    float* states, const StateRow& row, int heads, int head, size_t floats) {
  float* const state =
      states + (static_cast<size_t>(row.slot) * heads + head) * floats;
  if (row.begins) {
    std::fill_n(state, floats, 0.0f);
  }
  return state;
}

} // namespace parallm
