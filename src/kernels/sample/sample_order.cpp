#include "kernels/sample/sample_order.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace parallm {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

// A floor that lets pass whatever is as large as this logit, also once both
// are divided by the temperature and rounded.
float just_below(float logit) {
  return std::isinf(logit) ? kNever
                           : logit - (std::abs(logit) * 0x1p-20f + 0x1p-100f);
}

// Each of the largest logits of the parts belongs to another token: as many
// tokens as are wanted lie at this one or above. -infinity if they are too few.
float first_floor(const RowExtent& extent, size_t wanted) {
  std::vector<float> largest;
  for (const PartExtent& part : extent.parts) {
    largest.insert(largest.end(), part.largest.begin(), part.largest.end());
  }
  if (largest.size() < wanted) {
    return kNever;
  }
  const auto last = largest.begin() + static_cast<long>(wanted) - 1;
  std::nth_element(largest.begin(), last, largest.end(), std::greater<>());
  return just_below(*last);
}

void keep_first(std::vector<OrderKey>& keys, size_t wanted) {
  if (keys.size() > wanted) {
    const auto last = keys.begin() + static_cast<long>(wanted) - 1;
    std::nth_element(keys.begin(), last, keys.end());
    keys.resize(wanted);
  }
}

// What is looked through before the floor is raised again.
constexpr int kStep = 1024;

// The first of a part, in no order. When there are twice as many as wanted the
// worse half goes, and what is worse than the rest never enters again.
std::vector<OrderKey> first_of(
    const RowPart& part, float floor, size_t wanted) {
  std::vector<OrderKey> keys;
  int32_t places[kStep];
  for (int begin = 0; begin < part.count; begin += kStep) {
    const RowPart step{
        part.logits + begin, std::min(kStep, part.count - begin)};
    const int found = places_above(step, floor, places);
    for (int i = 0; i < found; ++i) {
      const int place = begin + places[i];
      keys.push_back(order_key(
          part.logits[place] / part.temperature,
          static_cast<uint32_t>(part.first + place)));
    }
    if (keys.size() >= 2 * wanted + 64) {
      keep_first(keys, wanted);
      floor = std::max(
          floor, just_below(part.logits[id_of(keys[wanted - 1]) - part.first]));
    }
  }
  keep_first(keys, wanted);
  return keys;
}

std::vector<OrderKey> part_between(
    const RowPart& part, float least, float above) {
  std::vector<OrderKey> keys;
  std::vector<int32_t> places(static_cast<size_t>(part.count));
  const float floor = just_below(least * part.temperature);
  places.resize(static_cast<size_t>(places_above(part, floor, places.data())));
  for (const int32_t place : places) {
    const float value = part.logits[place] / part.temperature;
    if (value >= least && value < above) {
      keys.push_back(
          order_key(value, static_cast<uint32_t>(part.first + place)));
    }
  }
  return keys;
}

std::vector<OrderKey> joined(const std::vector<std::vector<OrderKey>>& lists) {
  std::vector<OrderKey> keys;
  for (const auto& list : lists) {
    keys.insert(keys.end(), list.begin(), list.end());
  }
  return keys;
}

} // namespace

std::vector<OrderKey> first_in_order(
    const LogitRow& row, const RowExtent& extent, int count) {
  const auto wanted = static_cast<size_t>(std::clamp(count, 0, row.vocab));
  if (wanted == 0) {
    return {};
  }
  const float floor = first_floor(extent, wanted);
  const auto lists = row.of_parts(
      [&](const RowPart& part) { return first_of(part, floor, wanted); });
  std::vector<OrderKey> keys = joined(lists);
  keep_first(keys, wanted);
  std::sort(keys.begin(), keys.end());
  return keys;
}

std::vector<OrderKey> between(const LogitRow& row, float least, float above) {
  std::vector<OrderKey> keys = joined(row.of_parts(
      [&](const RowPart& part) { return part_between(part, least, above); }));
  std::sort(keys.begin(), keys.end());
  return keys;
}

} // namespace parallm
