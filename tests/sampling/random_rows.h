#pragma once

#include "kernels/sample/sample.h"
#include "tests/support/random_rows.h"

// Rows as arrays and back.
namespace parallm {

// (R, V) float32
inline mx::array as_array(const std::vector<std::vector<float>>& rows) {
  std::vector<float> flat;
  for (const auto& row : rows) {
    flat.insert(flat.end(), row.begin(), row.end());
  }
  const auto count = static_cast<int>(rows.size());
  return mx::array(
      flat.begin(), mx::Shape{count, static_cast<int>(rows.front().size())},
      mx::float32);
}

template <class T>
std::vector<T> values_of(mx::array array) {
  array = mx::contiguous(array);
  mx::eval(array);
  return {array.data<T>(), array.data<T>() + array.size()};
}

} // namespace parallm
