#include "kernels/sample/logit_row.h"

#include <numeric>

namespace parallm {
namespace {

float largest_of(const PartExtent& extent) {
  return *std::max_element(extent.largest.begin(), extent.largest.end());
}

} // namespace

RowExtent extent_of(const LogitRow& row) {
  RowExtent extent{
      row.of_parts([](const RowPart& part) { return extent_of(part); })};
  extent.largest = largest_of(extent.parts.front());
  for (const PartExtent& part : extent.parts) {
    extent.largest = std::max(extent.largest, largest_of(part));
    extent.has_nan |= part.has_nan;
  }
  return extent;
}

// -0 and +0 are equal here, as they are in the order of tokens.
int32_t RowExtent::id_of_largest(const LogitRow& row) const {
  int i = 0;
  while (largest_of(parts[static_cast<size_t>(i)]) != largest) {
    ++i;
  }
  const RowPart part = row.part(i);
  const float* end = part.logits + part.count;
  return part.first + static_cast<int32_t>(
                          std::find(part.logits, end, largest) - part.logits);
}

double weight_from(const LogitRow& row, const RowExtent& extent, float least) {
  const float largest = extent.largest / row.temperature;
  const auto weights = row.of_parts(
      [&](const RowPart& part) { return weight_of(part, largest, least); });
  return std::accumulate(weights.begin(), weights.end(), 0.0);
}

double total_weight(const LogitRow& row, const RowExtent& extent) {
  return weight_from(row, extent, -std::numeric_limits<float>::infinity());
}

} // namespace parallm
