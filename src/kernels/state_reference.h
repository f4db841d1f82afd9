#pragma once

#include "kernels/state_rows.h"

// What the references of kernels with states share.
namespace parallm {

// A part of an array along its first axis.
inline mx::array rows_of(const mx::array& x, int first, int count) {
  auto start = mx::Shape(x.ndim(), 0);
  auto stop = x.shape();
  start[0] = first;
  stop[0] = first + count;
  return mx::slice(x, start, stop);
}

// The row's state, in the shape that the kernel gives it.
inline mx::array state_of(
    const mx::array& states, const StateRow& row, const mx::Shape& shape) {
  const auto state = mx::reshape(rows_of(states, row.slot, 1), shape);
  return row.begins ? mx::zeros_like(state) : state;
}

inline mx::array with_state(
    const mx::array& states, const StateRow& row, const mx::array& state) {
  return mx::slice_update(
      states, mx::reshape(state, {1, -1}), mx::Shape{row.slot, 0},
      mx::Shape{row.slot + 1, states.shape(1)});
}

} // namespace parallm
