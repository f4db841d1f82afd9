#pragma once

#include <mlx/mlx.h>

#include <cmath>
#include <vector>

#include "tests/support/numbers.h"

// Arrays for tests: drawn from a seed, read back as floats. Main thread only.
namespace parallm::test {

namespace mx = mlx::core;

// Kernels under test are those of the CPU, whatever the machine has.
inline const bool kOnCpu = [] {
  mx::set_default_device(mx::Device::cpu);
  return true;
}();

inline mx::array random_array(
    const mx::Shape& shape, uint32_t seed, mx::Dtype dtype = mx::float32) {
  size_t size = 1;
  for (const int n : shape) {
    size *= n;
  }
  const auto values = random_floats(size, seed);
  return mx::astype(mx::array(values.begin(), shape), dtype);
}

inline mx::array ints(const std::vector<int32_t>& values) {
  return mx::array(
      values.begin(), mx::Shape{static_cast<int>(values.size())}, mx::int32);
}

// Exact for f32, f16 and bf16.
inline std::vector<float> floats(const mx::array& array) {
  auto wide = mx::contiguous(mx::astype(array, mx::float32));
  mx::eval(wide);
  return {wide.data<float>(), wide.data<float>() + wide.size()};
}

inline float max_difference(const mx::array& a, const mx::array& b) {
  return a.shape() == b.shape() ? max_difference(floats(a), floats(b))
                                : INFINITY;
}

inline bool same_bits(const mx::array& a, const mx::array& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() &&
         same_bits(floats(a), floats(b));
}

// Rows [begin, end) of the first axis.
inline mx::array rows(const mx::array& a, int begin, int end) {
  mx::Shape first(a.ndim(), 0), last = a.shape();
  first[0] = begin;
  last[0] = end;
  return mx::slice(a, first, last);
}

// How far two roundings of one number may lie apart, relative to it.
inline float rounding(mx::Dtype dtype) {
  return dtype == mx::bfloat16  ? 1.0f / 128
         : dtype == mx::float16 ? 1.0f / 1024
                                : 1e-5f;
}

} // namespace parallm::test
