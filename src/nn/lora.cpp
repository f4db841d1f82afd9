#include "nn/lora.h"

#include "kernels/linear/linear.h"

namespace parallm {
namespace {

// Rows in memory as `linear` reads them.
mx::array transposed(const mx::array& matrix) {
  return mx::contiguous(mx::transpose(matrix));
}

mx::array scaled(const mx::array& x, float scale) {
  return x * mx::array(scale, x.dtype());
}

// x times weight, transposed, in the type in which MLX would multiply them
mx::array product(const mx::array& x, const mx::array& weight) {
  return linear(
      x, weight, std::nullopt, mx::promote_types(x.dtype(), weight.dtype()));
}

// The learned length of each output's row of the adapted weight by the length
// it has: m / |w + scale (A B)'|, (outputs).
mx::array magnitude_of(const LoraTensors& lora, const mx::array& weight) {
  const auto change = product(scaled(transposed(lora.b), lora.scale), lora.a);
  return *lora.m / mx::linalg::norm(weight + change, /* axis */ 1);
}

std::optional<mx::array> keep_magnitude(
    Checkpoint& checkpoint, const LoraTensors& lora, const mx::array& weight) {
  if (!lora.m) {
    return std::nullopt;
  }
  return checkpoint.keep(magnitude_of(lora, weight));
}

} // namespace

LoraDelta::LoraDelta(
    Checkpoint& checkpoint, const LoraTensors& tensors, const mx::array& weight)
    : a_(checkpoint.keep(transposed(tensors.a))),
      b_(checkpoint.keep(transposed(tensors.b))),
      scale_(tensors.scale),
      magnitude_(keep_magnitude(checkpoint, tensors, weight)) {
}

mx::array LoraDelta::operator()(const mx::array& x, mx::Dtype out) const {
  return mx::astype(scaled(product(product(x, a_), b_), scale_), out);
}

} // namespace parallm
