#include "nn/linear_group.h"

#include <numeric>

namespace parallm {
namespace {

int total(const std::vector<int>& numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), 0);
}

// Columns of y, next to each other and of these widths.
void split(
    const mx::array& y,
    const std::vector<int>& widths,
    std::vector<mx::array>& out) {
  if (widths.size() == 1) {
    out.push_back(y);
    return;
  }
  int at = 0;
  for (const int width : widths) {
    out.push_back(
        mx::slice(y, mx::Shape{0, at}, mx::Shape{y.shape(0), at + width}));
    at += width;
  }
}

} // namespace

LinearGroup::LinearGroup(
    Checkpoint& checkpoint,
    const std::vector<Member>& members,
    int inputs,
    Bias bias,
    const Quantization& quantization) {
  for (const auto& member : members) {
    parts_.push_back(
        {Linear(
             checkpoint, member.name, {inputs, total(member.outputs), bias},
             quantization),
         member.outputs});
  }
}

std::vector<mx::array> LinearGroup::operator()(const mx::array& x) const {
  std::vector<mx::array> results;
  for (const auto& part : parts_) {
    split(part.linear(x), part.outputs, results);
  }
  return results;
}

} // namespace parallm
