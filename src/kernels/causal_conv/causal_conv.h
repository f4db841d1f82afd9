#pragma once

#include <optional>

#include "kernels/state_rows.h"

namespace parallm {

// A convolution over time, each channel by itself, that sees K tokens: y(t, c)
// = bias(c) + sum over k of weight(k, c) x(t - K + 1 + k, c). What lies before
// the row's tokens comes from its state, the last K - 1 inputs, oldest first.
// x (T, C), weight (K, C), K at least 2, bias (C) or none, states (slots,
// (K - 1) C) float32 -> (T, C) of x's type. Sums in float32, in one order: the
// same bits in any batch, chunked or not. Writes the states in place. Lazy.
// Engine thread only, as is the reference.
Advanced causal_conv(
    const mx::array& x,
    const mx::array& weight,
    const std::optional<mx::array>& bias,
    const mx::array& states,
    const std::vector<StateRow>& rows);

// The same in MLX's own operations; copies the states.
Advanced causal_conv_reference(
    const mx::array& x,
    const mx::array& weight,
    const std::optional<mx::array>& bias,
    const mx::array& states,
    const std::vector<StateRow>& rows);

} // namespace parallm
