#include "kernels/causal_conv/causal_conv.h"
#include "kernels/state_reference.h"

namespace parallm {

Advanced causal_conv_reference(
    const mx::array& x,
    const mx::array& weight,
    const std::optional<mx::array>& bias,
    const mx::array& states,
    const std::vector<StateRow>& rows) {
  const int taps = weight.shape(0), channels = weight.shape(1);
  const auto w = mx::astype(weight, mx::float32);
  auto newest = states;
  std::vector<mx::array> parts;
  for (const StateRow& row : rows) {
    const auto inputs = mx::concatenate(
        {state_of(states, row, {taps - 1, channels}),
         mx::astype(rows_of(x, row.first_token, row.tokens), mx::float32)},
        0);
    auto sum = bias ? mx::astype(*bias, mx::float32) : mx::array(0.0f);
    for (int k = 0; k < taps; ++k) {
      sum = sum + rows_of(inputs, k, row.tokens) * rows_of(w, k, 1);
    }
    parts.push_back(mx::astype(sum, x.dtype()));
    newest = with_state(newest, row, rows_of(inputs, row.tokens, taps - 1));
  }
  return {mx::concatenate(parts, 0), newest};
}

} // namespace parallm
