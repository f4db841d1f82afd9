#include "kernels/rope/rope_arrays.h"

#include "base/check.h"
#include "kernels/array_text.h"
#include "kernels/float_type.h"

namespace parallm {
namespace {

void check_turns(
    const mx::array& positions, const mx::array& frequencies, int width) {
  PARALLM_CHECK(
      positions.ndim() == 1 && positions.dtype() == mx::int32 &&
          frequencies.ndim() == 1 && frequencies.dtype() == mx::float32 &&
          2 * frequencies.shape(0) <= width && width > 0,
      "rope of heads of width {} by {} of {}, expected int32 (T) and float32 "
      "of at most half a head",
      width, array_text(frequencies), array_text(positions));
}

void check_heads(
    const RopeHeads& heads, int tokens, int width, mx::Dtype type) {
  const mx::array& x = heads.x;
  const bool whole = x.ndim() == 3 ? x.shape(2) == width
                                   : x.ndim() == 2 && x.shape(1) % width == 0;
  PARALLM_CHECK(
      whole && x.shape(0) == tokens && x.dtype() == type,
      "rope of {}, expected {} tokens, heads of width {} and the type of the "
      "first",
      array_text(x), tokens, width);
  PARALLM_CHECK(
      !heads.weight || heads.weight->shape() == mx::Shape{width},
      "norm of heads of width {} by {}", width, array_text(*heads.weight));
}

} // namespace

RopeInputs rope_inputs_of(
    const std::vector<RopeHeads>& groups, const RopeSettings& settings) {
  RopeInputs inputs{settings};
  for (const auto& group : groups) {
    inputs.weighted.push_back(group.weight.has_value());
  }
  return inputs;
}

std::vector<mx::array> rope_arrays(
    const std::vector<RopeHeads>& groups,
    const mx::array& positions,
    const mx::array& frequencies,
    const RopeSettings& settings) {
  PARALLM_CHECK(!groups.empty(), "rope of no heads");
  check_turns(positions, frequencies, settings.width);
  std::vector<mx::array> arrays{positions, frequencies};
  for (const auto& group : groups) {
    check_heads(group, positions.shape(0), settings.width, groups[0].x.dtype());
    arrays.push_back(group.x);
    if (group.weight) {
      arrays.push_back(*group.weight);
    }
  }
  return arrays;
}

mx::Shape heads_shape(const mx::array& x, int width) {
  return {x.shape(0), x.ndim() == 3 ? x.shape(1) : x.shape(1) / width, width};
}

HeadsView::HeadsView(const mx::array& x, int width)
    : rows_(x), first_(x.data<char>()), in_place_(x.strides().back() == 1) {
  const auto item = static_cast<std::ptrdiff_t>(x.itemsize());
  heads_.heads = heads_shape(x, width)[1];
  heads_.head_bytes =
      item * (in_place_ && x.ndim() == 3 ? x.strides(1) : width);
  heads_.token_bytes =
      item * (in_place_ ? x.strides(0) : int64_t{heads_.heads} * width);
}

RopeRows::Heads HeadsView::heads() {
  heads_.x = in_place_ ? first_ : static_cast<const char*>(rows_.data());
  return heads_;
}

RopeMemory::RopeMemory(
    const RopeInputs& inputs, const std::vector<mx::array>& in)
    : rows_{
          .type = float_type(in[2].dtype()),
          .pairs = inputs.settings.pairs,
          .width = inputs.settings.width,
          .half = in[1].shape(0),
          .amplitude = inputs.settings.amplitude},
      positions_(in[0]),
      frequencies_(in[1]) {
  size_t next = 2;
  for (const bool weighted : inputs.weighted) {
    const mx::array& x = in[next++];
    const mx::array* weight = weighted ? &in[next++] : nullptr;
    groups_.push_back(
        {HeadsView(x, rows_.width),
         weight ? std::optional<RowMajor>(*weight) : std::nullopt,
         {nullptr, float_type(weight ? weight->dtype() : x.dtype()),
          inputs.settings.eps}});
  }
}

RopeRows::Heads RopeMemory::Group::rows() {
  auto rows = heads.heads();
  rows.weight = norm;
  rows.weight.numbers = weight ? weight->data() : nullptr;
  return rows;
}

RopeRows RopeMemory::rows() {
  RopeRows rows = rows_;
  rows.positions = static_cast<const int32_t*>(positions_.data());
  rows.frequencies = static_cast<const float*>(frequencies_.data());
  for (auto& group : groups_) {
    rows.groups.push_back(group.rows());
  }
  return rows;
}

} // namespace parallm
