#pragma once

#include <mlx/mlx.h>

#include "kernels/activation/activation_kind.h"

// Each number by itself, in float32; the results have the type and the shape
// of the first array, and any shape will do. Lazy. Engine thread only, as are
// the references.
namespace parallm {

namespace mx = mlx::core;

mx::array activate(Activation activation, const mx::array& x);

// activate(gate) * up, both of one shape and type.
mx::array gated(
    Activation activation, const mx::array& gate, const mx::array& up);

// g * sigmoid(alpha * g) * (u + 1) with g = min(gate, limit) and u = up
// between -limit and limit; gate and up of one shape and type.
mx::array clipped_swiglu(
    const mx::array& gate, const mx::array& up, float alpha, float limit);

// limit * tanh(x / limit)
mx::array softcap(const mx::array& x, float limit);

// The same in MLX's own operations.
mx::array activate_reference(Activation activation, const mx::array& x);
mx::array gated_reference(
    Activation activation, const mx::array& gate, const mx::array& up);
mx::array clipped_swiglu_reference(
    const mx::array& gate, const mx::array& up, float alpha, float limit);
mx::array softcap_reference(const mx::array& x, float limit);

} // namespace parallm
