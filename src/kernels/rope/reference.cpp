#include "kernels/rms_norm/rms_norm.h"
#include "kernels/rope/rope.h"

namespace parallm {
namespace {

// x (T, H, R) -> (T, H, R) in MLX's own operations.
mx::array turn_all(
    const mx::array& x,
    const mx::array& positions,
    const mx::array& frequencies,
    RopePairs pairs) {
  const int tokens = x.shape(0), heads = x.shape(1), width = x.shape(2);
  // MLX counts positions along the third axis: each token is a batch of one.
  const auto turned = mx::fast::rope(
      mx::reshape(x, {tokens, heads, 1, width}), width,
      pairs == RopePairs::kAdjacent, std::nullopt, 1.0f, positions,
      mx::reciprocal(frequencies));
  return mx::reshape(turned, {tokens, heads, width});
}

mx::array scaled(const mx::array& x, float factor) {
  return mx::astype(mx::astype(x, mx::float32) * mx::array(factor), x.dtype());
}

// (T, H, D), brought to size if there is a weight.
mx::array sized(const RopeHeads& heads, const RopeSettings& settings) {
  const int tokens = heads.x.shape(0), width = settings.width;
  const auto x = mx::reshape(heads.x, {-1, width});
  return mx::reshape(
      heads.weight ? rms_norm_reference(x, *heads.weight, settings.eps) : x,
      {tokens, -1, width});
}

} // namespace

mx::array rope_reference(
    const mx::array& x,
    const mx::array& positions,
    const mx::array& frequencies,
    RopePairs pairs,
    float amplitude) {
  const int tokens = x.shape(0), heads = x.shape(1), width = x.shape(2);
  const int turning = 2 * frequencies.shape(0);
  const auto first = mx::slice(x, {0, 0, 0}, {tokens, heads, turning});
  const auto rest = mx::slice(x, {0, 0, turning}, x.shape());
  const auto turned = turn_all(first, positions, frequencies, pairs);
  const auto louder = amplitude == 1.0f ? turned : scaled(turned, amplitude);
  return turning == width ? louder : mx::concatenate({louder, rest}, -1);
}

std::vector<mx::array> rope_heads_reference(
    const std::vector<RopeHeads>& groups,
    const mx::array& positions,
    const mx::array& frequencies,
    const RopeSettings& settings) {
  std::vector<mx::array> results;
  for (const auto& heads : groups) {
    results.push_back(rope_reference(
        sized(heads, settings), positions, frequencies, settings.pairs,
        settings.amplitude));
  }
  return results;
}

} // namespace parallm
