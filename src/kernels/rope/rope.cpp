#include "kernels/rope/rope.h"

#include "base/check.h"
#include "kernels/array_text.h"
#include "kernels/cpu_primitive.h"
#include "kernels/float_type.h"
#include "kernels/parts.h"
#include "kernels/rope/rope_rows.h"

namespace parallm {
namespace {

// Of a token. x (T, H, D) or (T, H * D)
int heads_of(const mx::array& x, int width) {
  return x.ndim() == 3 ? x.shape(1) : x.shape(1) / width;
}

// Heads as they lie in memory: a slice of a wider array is read in place.
class HeadsView {
 public:
  HeadsView(const mx::array& x, int width)
      : rows_(x), first_(x.data<char>()), in_place_(x.strides().back() == 1) {
    const auto item = static_cast<std::ptrdiff_t>(x.itemsize());
    heads_.heads = heads_of(x, width);
    heads_.head_bytes =
        item * (in_place_ && x.ndim() == 3 ? x.strides(1) : width);
    heads_.token_bytes =
        item * (in_place_ ? x.strides(0) : int64_t{heads_.heads} * width);
  }

  RopeRows::Heads heads() {
    heads_.x = in_place_ ? first_ : static_cast<const char*>(rows_.data());
    return heads_;
  }

 private:
  RowMajor rows_;
  const char* first_;
  bool in_place_;
  RopeRows::Heads heads_;
};

// A group once its arrays are evaluated.
struct GroupMemory {
  HeadsView heads;
  std::optional<RowMajor> weight;
  NormWeight norm; // without its memory
  char* out;

  RopeRows::Heads rows() {
    auto rows = heads.heads();
    rows.out = out;
    rows.weight = norm;
    rows.weight.numbers = weight ? weight->data() : nullptr;
    return rows;
  }
};

// inputs: positions, frequencies, then of each group x and, if it has one, the
// weight; outputs: the groups
class Rope : public CpuPrimitive {
 public:
  Rope(
      mx::Stream stream,
      const RopeSettings& settings,
      std::vector<bool> weighted)
      : CpuPrimitive(stream, "parallm::Rope"),
        settings_(settings),
        weighted_(std::move(weighted)) {}

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    RopeRows rows{
        .type = float_type(out[0].dtype()),
        .pairs = settings_.pairs,
        .width = settings_.width,
        .half = in[1].shape(0),
        .amplitude = settings_.amplitude};
    encoder(in, out).dispatch(
        [rows, tokens = in[0].shape(0), positions = RowMajor(in[0]),
         frequencies = RowMajor(in[1]), groups = groups(in, out)]() mutable {
          rows.positions = static_cast<const int32_t*>(positions.data());
          rows.frequencies = static_cast<const float*>(frequencies.data());
          size_t numbers = 0; // of a token
          for (auto& group : groups) {
            rows.groups.push_back(group.rows());
            numbers += rows.groups.back().heads * rows.width;
          }
          in_row_parts(tokens, numbers, [&](size_t first, size_t end) {
            rope_rows(rows, first, end);
          });
        });
  }

 private:
  std::vector<GroupMemory> groups(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) const {
    std::vector<GroupMemory> groups;
    size_t next = 2;
    for (size_t i = 0; i < out.size(); ++i) {
      allocate(out[i]);
      const mx::array& x = in[next++];
      const mx::array* weight = weighted_[i] ? &in[next++] : nullptr;
      groups.push_back(
          {HeadsView(x, settings_.width),
           weight ? std::optional<RowMajor>(*weight) : std::nullopt,
           {nullptr, float_type(weight ? weight->dtype() : x.dtype()),
            settings_.eps},
           out[i].data<char>()});
    }
    return groups;
  }

  RopeSettings settings_;
  std::vector<bool> weighted_;
};

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

std::vector<mx::array> rope_heads(
    const std::vector<RopeHeads>& groups,
    const mx::array& positions,
    const mx::array& frequencies,
    const RopeSettings& settings) {
  const auto stream = kernel_stream();
  if (!on_cpu(stream)) {
    return rope_heads_reference(groups, positions, frequencies, settings);
  }
  PARALLM_CHECK(!groups.empty(), "rope of no heads");
  check_turns(positions, frequencies, settings.width);
  const mx::Dtype type = groups[0].x.dtype();
  const int tokens = positions.shape(0);
  std::vector<mx::array> in{positions, frequencies};
  std::vector<mx::Shape> shapes;
  std::vector<bool> weighted;
  for (const auto& group : groups) {
    check_heads(group, tokens, settings.width, type);
    in.push_back(group.x);
    if (group.weight) {
      in.push_back(*group.weight);
    }
    shapes.push_back(
        {tokens, heads_of(group.x, settings.width), settings.width});
    weighted.push_back(group.weight.has_value());
  }
  return mx::array::make_arrays(
      std::move(shapes), std::vector<mx::Dtype>(groups.size(), type),
      std::make_shared<Rope>(stream, settings, std::move(weighted)), in);
}

mx::array rope(
    const mx::array& x,
    const mx::array& positions,
    const mx::array& frequencies,
    RopePairs pairs,
    float amplitude) {
  return rope_heads(
      {{x}}, positions, frequencies,
      {.width = x.shape(-1), .pairs = pairs, .amplitude = amplitude})[0];
}

} // namespace parallm
