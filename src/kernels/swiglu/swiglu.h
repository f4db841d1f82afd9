#pragma once

#include <mlx/mlx.h>

namespace parallm {

namespace mx = mlx::core;

// silu(gate) * up, both (T, F) -> (T, F) of gate's type. In float32. Lazy.
// Engine thread only, as is the reference.
mx::array swiglu(const mx::array& gate, const mx::array& up);

// The same in MLX's own operations.
mx::array swiglu_reference(const mx::array& gate, const mx::array& up);

} // namespace parallm
