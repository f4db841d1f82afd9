#pragma once

#include <mlx/mlx.h>

#include <optional>

// Rows brought to one size, and what comes before that in a model: the sum of
// the residual stream and what a part of a layer gave. In float32 within, each
// row by itself. Lazy. Engine thread only, as are the references.
namespace parallm {

namespace mx = mlx::core;

// x (T, E) / sqrt(mean of squares + eps) * weight (E) -> (T, E) of x's type.
mx::array rms_norm(const mx::array& x, const mx::array& weight, float eps);

// What is added to a stream of the same shape and type: y (T, E), of which
// first the rms_norm is taken if there is a weight (E), then `scale` times.
struct Addend {
  mx::array y;
  std::optional<mx::array> weight{};
  float eps = 0; // of that norm
  float scale = 1;
};

// x + addend (T, E), rounded to x's type wherever plain operations would round.
mx::array add(const mx::array& x, const Addend& addend);

struct AddedNorm {
  mx::array sum;    // of x and the addend
  mx::array normed; // rms_norm of the sum
};
// Both in one kernel.
AddedNorm add_rms_norm(
    const mx::array& x,
    const Addend& addend,
    const mx::array& weight,
    float eps);

// The same in MLX's own operations.
mx::array rms_norm_reference(
    const mx::array& x, const mx::array& weight, float eps);
mx::array add_reference(const mx::array& x, const Addend& addend);

} // namespace parallm
