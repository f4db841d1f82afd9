#include "kernels/selective_scan/selective_scan.h"
#include "kernels/state_reference.h"

namespace parallm {
namespace {

// What the tokens of one step bring, in float32.
struct ScanInputs {
  mx::array x;    // (T, H, P)
  mx::array b, c; // (T, H, N): of each head's group
  mx::array dt;   // (T, H)
  mx::array kept; // (T, H)
};

mx::array columns(const mx::array& x, int first, int count) {
  return mx::slice(
      x, mx::Shape{0, first}, mx::Shape{x.shape(0), first + count});
}

mx::array each_head(const mx::array& groups, const ScanShape& s) {
  const auto apart = mx::reshape(groups, {groups.shape(0), s.groups, s.state});
  return mx::repeat(apart, s.heads / s.groups, 1);
}

ScanInputs inputs_of(
    const mx::array& xbc,
    const mx::array& dt,
    const ScanShape& s,
    const ScanWeights& w) {
  const auto wide = mx::astype(xbc, mx::float32);
  const int inner = s.heads * s.head_dim, group = s.groups * s.state;
  const auto step = mx::clip(
      mx::logaddexp(mx::astype(dt, mx::float32) + w.dt_bias, mx::array(0.0f)),
      mx::array(w.least_dt), mx::array(w.most_dt));
  return {
      mx::reshape(columns(wide, 0, inner), {xbc.shape(0), s.heads, s.head_dim}),
      each_head(columns(wide, inner, group), s),
      each_head(columns(wide, inner + group, group), s), step,
      mx::exp(mx::negative(step) * mx::exp(w.a_log))};
}

} // namespace

Advanced selective_scan_reference(
    const mx::array& xbc,
    const mx::array& dt,
    const ScanShape& shape,
    const ScanWeights& weights,
    const mx::array& states,
    const std::vector<StateRow>& rows) {
  const auto in = inputs_of(xbc, dt, shape, weights);
  const int padded = scan_state_floats(shape) / shape.heads / shape.head_dim;
  const auto pad = std::pair{0, padded - shape.state};
  const auto b = mx::pad(in.b, {{0, 0}, {0, 0}, pad});
  const auto c = mx::pad(in.c, {{0, 0}, {0, 0}, pad});
  const auto column = [&](const mx::array& x, int t) {
    return mx::reshape(rows_of(x, t, 1), {shape.heads, -1, 1}); // (H, P or 1)
  };
  const auto line = [&](const mx::array& x, int t) {
    return mx::reshape(rows_of(x, t, 1), {shape.heads, 1, padded});
  };
  auto newest = states;
  std::vector<mx::array> out;
  for (const StateRow& row : rows) {
    auto state = state_of(states, row, {shape.heads, shape.head_dim, padded});
    for (int t = row.first_token; t < row.first_token + row.tokens; ++t) {
      const auto taken = column(in.dt, t) * column(in.x, t);
      state = state * column(in.kept, t) + taken * line(b, t);
      const auto read = mx::sum(state * line(c, t), -1, true);
      out.push_back(mx::reshape(
          read + mx::reshape(weights.d, {-1, 1, 1}) * column(in.x, t),
          {1, -1}));
    }
    newest = with_state(newest, row, state);
  }
  return {mx::astype(mx::concatenate(out, 0), xbc.dtype()), newest};
}

} // namespace parallm
