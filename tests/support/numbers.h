#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

// Numbers for tests: drawn from a seed, compared. No MLX here; any thread.
namespace parallm::test {

inline std::vector<float> random_floats(size_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(n);
  for (auto& value : values) {
    value = normal(random);
  }
  return values;
}

// Infinite if one is not a number.
inline double larger_error(double a, double b) {
  return std::isnan(a) || std::isnan(b) ? INFINITY : std::max(a, b);
}

// Infinite if the sizes differ or anything is not a number.
inline float max_difference(
    const std::vector<float>& a, const std::vector<float>& b) {
  float most = a.size() == b.size() ? 0 : INFINITY;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    most = static_cast<float>(larger_error(most, std::abs(a[i] - b[i])));
  }
  return most;
}

inline bool same_bits(
    const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() &&
         (a.empty() ||
          std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

} // namespace parallm::test
