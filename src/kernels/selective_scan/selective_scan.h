#pragma once

#include "kernels/selective_scan/scan_shape.h"
#include "kernels/state_rows.h"

namespace parallm {

struct ScanWeights {
  mx::array a_log;   // (H) float32: a state fades by exp(-dt exp(a_log))
  mx::array d;       // (H) float32: what of x goes straight to y
  mx::array dt_bias; // (H) float32
  float least_dt = 0;
  float most_dt = 0; // may be infinite
};

// The recurrence of Mamba-2 (Dao and Gu 2024, arXiv 2405.21060), token by
// token: with dt = softplus(dt + dt_bias) between its limits, a state s of a
// number x becomes exp(-dt exp(a_log)) s + dt x B, and y = s . C + d x.
// xbc (T, H P + 2 G N): x, B and C side by side; dt (T, H); states (slots,
// scan_state_floats) float32 -> (T, H P) of xbc's type. In float32 and in one
// order: the same bits in any batch, chunked or not. Writes the states in
// place. Lazy. Engine thread only, as is the reference.
Advanced selective_scan(
    const mx::array& xbc,
    const mx::array& dt,
    const ScanShape& shape,
    const ScanWeights& weights,
    const mx::array& states,
    const std::vector<StateRow>& rows);

// The same in MLX's own operations, some of them for each token; copies the
// states.
Advanced selective_scan_reference(
    const mx::array& xbc,
    const mx::array& dt,
    const ScanShape& shape,
    const ScanWeights& weights,
    const mx::array& states,
    const std::vector<StateRow>& rows);

} // namespace parallm
