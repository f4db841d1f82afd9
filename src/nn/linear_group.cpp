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
  if (widths.size() < 2) {
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
    const Linear whole(
        checkpoint, member.name, {inputs, total(member.outputs), bias},
        quantization);
    if (member.outputs.size() == 1 || !whole.splits_at(member.outputs)) {
      add(whole, member.outputs);
      continue;
    }
    for (auto& layer : whole.split(checkpoint, member.outputs)) {
      add(std::move(layer), {});
    }
  }
}

void LinearGroup::add(Linear linear, std::vector<int> outputs) {
  products_.push_back(linear.product());
  parts_.push_back({std::move(linear), std::move(outputs)});
}

std::vector<mx::array> LinearGroup::operator()(const mx::array& x) const {
  const auto products = linear_group(x, products_, x.dtype());
  std::vector<mx::array> results;
  for (size_t i = 0; i < parts_.size(); ++i) {
    split(
        parts_[i].linear.finished(x, products[i]), parts_[i].outputs, results);
  }
  return results;
}

} // namespace parallm
