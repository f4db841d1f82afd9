#include "kernels/state_rows.h"

#include "base/check.h"

namespace parallm {
namespace {

void check_rows(const std::vector<StateRow>& rows, int tokens, int slots) {
  std::vector<bool> taken(static_cast<size_t>(slots));
  int next = 0;
  for (const StateRow& row : rows) {
    PARALLM_CHECK(
        row.slot >= 0 && row.slot < slots && !taken[size_t(row.slot)],
        "slot {} of {}", row.slot, slots);
    PARALLM_CHECK(
        row.first_token == next && row.tokens > 0,
        "{} tokens at {}, expected them at {}", row.tokens, row.first_token,
        next);
    taken[size_t(row.slot)] = true;
    next += row.tokens;
  }
  PARALLM_CHECK(next == tokens, "rows of {} tokens, expected {}", next, tokens);
}

} // namespace

void check_states(
    const mx::array& states,
    int floats,
    const std::vector<StateRow>& rows,
    int tokens) {
  PARALLM_CHECK(
      states.ndim() == 2 && states.shape(1) == floats &&
          states.dtype() == mx::float32,
      "states of {} numbers, expected {}", states.shape(-1), floats);
  check_rows(rows, tokens, states.shape(0));
}

} // namespace parallm
