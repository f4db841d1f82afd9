#pragma once

#include "kernels/gated_delta/delta_shape.h"
#include "kernels/state_rows.h"

namespace parallm {

struct DeltaWeights {
  mx::array a_log;   // (Hv) float32
  mx::array dt_bias; // (Hv) float32
};

// The gated delta rule (Yang et al. 2024, arXiv 2412.06464), token by token: a
// state S (Dv, Dk) of a head fades by exp(-softplus(a + dt_bias) exp(a_log));
// then what it tells of the key k moves towards the value v by the share
// sigmoid(b); y = S q. Queries and keys are first brought to length 1, queries
// then divided by the root of Dk.
// qkv (T, 2 Hk Dk + Hv Dv): queries, keys and values side by side; a, b (T,
// Hv); states (slots, delta_state_floats) float32 -> (T, Hv Dv) of qkv's type.
// In float32 and in one order: the same bits in any batch, chunked or not.
// Writes the states in place. Lazy. Engine thread only, as is the reference.
Advanced gated_delta(
    const mx::array& qkv,
    const mx::array& a,
    const mx::array& b,
    const DeltaShape& shape,
    const DeltaWeights& weights,
    const mx::array& states,
    const std::vector<StateRow>& rows);

// The same in MLX's own operations, some of them for each token; copies the
// states.
Advanced gated_delta_reference(
    const mx::array& qkv,
    const mx::array& a,
    const mx::array& b,
    const DeltaShape& shape,
    const DeltaWeights& weights,
    const mx::array& states,
    const std::vector<StateRow>& rows);

} // namespace parallm
