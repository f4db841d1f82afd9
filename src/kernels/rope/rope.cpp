#include "kernels/rope/rope.h"

#include "base/check.h"
#include "kernels/cpu_primitive.h"
#include "kernels/float_type.h"
#include "kernels/parts.h"
#include "kernels/rope/rope_rows.h"

namespace parallm {
namespace {

// Heads as they lie in memory: a slice of a wider array is read in place.
class HeadsView {
 public:
  HeadsView(const mx::array& x, int width)
      : rows_(x), first_(x.data<char>()), in_place_(x.strides().back() == 1) {
    const auto item = static_cast<std::ptrdiff_t>(x.itemsize());
    heads_.heads = static_cast<int>(x.size() / x.shape(0) / width);
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

void check_heads(
    const RopeHeads& heads,
    const mx::array& positions,
    const mx::array& frequencies,
    int width) {
  const mx::array& x = heads.x;
  const bool whole = x.ndim() == 3 ? x.shape(2) == width
                                   : x.ndim() == 2 && x.shape(1) % width == 0;
  PARALLM_CHECK(
      whole && positions.shape() == mx::Shape{x.shape(0)} &&
          frequencies.ndim() == 1 && 2 * frequencies.shape(0) <= width &&
          positions.dtype() == mx::int32 && frequencies.dtype() == mx::float32,
      "rope of {} tokens, width {}, {} pairs", x.shape(0), x.shape(-1),
      frequencies.size());
  PARALLM_CHECK(
      !heads.weight || heads.weight->shape() == mx::Shape{width},
      "norm of heads of width {}", width);
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
  std::vector<mx::array> in{positions, frequencies};
  std::vector<mx::Shape> shapes;
  std::vector<bool> weighted;
  for (const auto& group : groups) {
    check_heads(group, positions, frequencies, settings.width);
    const int tokens = group.x.shape(0);
    const int numbers = static_cast<int>(group.x.size() / tokens);
    in.push_back(group.x);
    if (group.weight) {
      in.push_back(*group.weight);
    }
    shapes.push_back({tokens, numbers / settings.width, settings.width});
    weighted.push_back(group.weight.has_value());
  }
  return mx::array::make_arrays(
      std::move(shapes),
      std::vector<mx::Dtype>(groups.size(), groups[0].x.dtype()),
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
