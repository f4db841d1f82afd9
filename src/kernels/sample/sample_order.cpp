#include "kernels/sample/sample_order.h"

#include <algorithm>
#include <array>

namespace parallm {
namespace {

constexpr int kLanes = 8; // lets the compiler use vector registers
constexpr float kNever = -std::numeric_limits<float>::infinity();

} // namespace

// A buffer of up to twice the count: when it is full its worse half goes, and
// what is worse than the rest never enters again.
std::vector<OrderKey> first_in_order(
    const float* values, int vocab, int count) {
  const auto wanted = static_cast<size_t>(std::clamp(count, 0, vocab));
  if (wanted == 0) {
    return {};
  }
  const size_t room = 2 * wanted + 64;
  std::vector<OrderKey> keys;
  keys.reserve(std::min(room, static_cast<size_t>(vocab)));
  float floor = kNever;
  for (int id = 0; id < vocab; ++id) {
    // Not `<`: a later token as large as the floor has a higher id.
    if (values[id] > floor) {
      keys.push_back(order_key(values[id], static_cast<uint32_t>(id)));
      if (keys.size() == room) {
        const auto last = keys.begin() + static_cast<long>(wanted) - 1;
        std::nth_element(keys.begin(), last, keys.end());
        floor = values[id_of(*last)];
        keys.resize(wanted);
      }
    }
  }
  if (keys.size() > wanted) {
    std::nth_element(
        keys.begin(), keys.begin() + static_cast<long>(wanted), keys.end());
    keys.resize(wanted);
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

Extent extent_of(const float* values, int vocab) {
  std::array<float, kLanes> largest;
  largest.fill(kNever);
  std::array<int, kLanes> nans{};
  int i = 0;
  for (; i + kLanes <= vocab; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const float value = values[i + lane];
      largest[lane] = value > largest[lane] ? value : largest[lane];
      nans[lane] |= value != value;
    }
  }
  Extent extent;
  for (int lane = 0; lane < kLanes; ++lane) {
    extent.largest = std::max(extent.largest, largest[lane]);
    extent.has_nan |= nans[lane] != 0;
  }
  for (; i < vocab; ++i) {
    extent.largest = values[i] > extent.largest ? values[i] : extent.largest;
    extent.has_nan |= values[i] != values[i];
  }
  return extent;
}

} // namespace parallm
