#include <cmath>

#include "kernels/gated_delta/gated_delta.h"
#include "kernels/state_reference.h"

namespace parallm {
namespace {

// Columns of x as heads (T, heads, width).
mx::array heads_of(const mx::array& x, int first, int heads, int width) {
  const auto part = mx::slice(
      x, mx::Shape{0, first}, mx::Shape{x.shape(0), first + heads * width});
  return mx::reshape(part, {x.shape(0), heads, width});
}

// Each head at length 1 for every head of values, padded to the state's width.
mx::array keys_of(
    const mx::array& x, int first, const DeltaShape& s, int width) {
  const auto keys = heads_of(x, first, s.key_heads, s.key_dim);
  const auto length =
      mx::sqrt(mx::sum(mx::square(keys), -1, true) + mx::array(1e-6f));
  return mx::repeat(
      mx::pad(keys / length, {{0, 0}, {0, 0}, {0, width - s.key_dim}}),
      s.value_heads / s.key_heads, 1);
}

} // namespace

Advanced gated_delta_reference(
    const mx::array& qkv,
    const mx::array& a,
    const mx::array& b,
    const DeltaShape& shape,
    const DeltaWeights& weights,
    const mx::array& states,
    const std::vector<StateRow>& rows) {
  const int heads = shape.value_heads;
  const int padded = delta_state_floats(shape) / heads / shape.value_dim;
  const int key_part = shape.key_heads * shape.key_dim;
  const auto wide = mx::astype(qkv, mx::float32);
  const auto q = keys_of(wide, 0, shape, padded) /
                 std::sqrt(static_cast<float>(shape.key_dim));
  const auto k = keys_of(wide, key_part, shape, padded);
  const auto v = heads_of(wide, 2 * key_part, heads, shape.value_dim);
  const auto dt = mx::logaddexp(
      mx::astype(a, mx::float32) + weights.dt_bias, mx::array(0.0f));
  const auto kept = mx::exp(mx::negative(dt) * mx::exp(weights.a_log));
  const auto share = mx::sigmoid(mx::astype(b, mx::float32));
  const auto of = [&](const mx::array& x, int t, mx::Shape form) {
    return mx::reshape(rows_of(x, t, 1), std::move(form));
  };
  auto newest = states;
  std::vector<mx::array> out;
  for (const StateRow& row : rows) {
    auto state = state_of(states, row, {heads, shape.value_dim, padded});
    for (int t = row.first_token; t < row.first_token + row.tokens; ++t) {
      const auto key = of(k, t, {heads, 1, padded});
      state = state * of(kept, t, {heads, 1, 1});
      const auto known = mx::sum(state * key, -1, true);
      const auto difference =
          (of(v, t, {heads, -1, 1}) - known) * of(share, t, {heads, 1, 1});
      state = state + key * difference;
      const auto read = mx::sum(state * of(q, t, {heads, 1, padded}), -1);
      out.push_back(mx::reshape(read, {1, -1}));
    }
    newest = with_state(newest, row, state);
  }
  return {mx::astype(mx::concatenate(out, 0), qkv.dtype()), newest};
}

} // namespace parallm
