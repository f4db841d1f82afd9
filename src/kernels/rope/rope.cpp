#include "kernels/rope/rope.h"

#include "kernels/cpu_primitive.h"
#include "kernels/parts.h"
#include "kernels/rope/rope_arrays.h"

namespace parallm {
namespace {

// inputs: those of rope_arrays; outputs: the groups
class Rope : public CpuPrimitive {
 public:
  Rope(mx::Stream stream, RopeInputs inputs)
      : CpuPrimitive(stream, "parallm::Rope"), inputs_(std::move(inputs)) {}

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    std::vector<char*> turned;
    for (auto& group : out) {
      allocate(group);
      turned.push_back(group.data<char>());
    }
    encoder(in, out).dispatch([tokens = in[0].shape(0),
                               memory = RopeMemory(inputs_, in),
                               turned]() mutable {
      RopeRows rows = memory.rows();
      for (size_t i = 0; i < turned.size(); ++i) {
        rows.groups[i].out = turned[i];
      }
      in_row_parts(tokens, token_numbers(rows), [&](size_t first, size_t end) {
        rope_rows(rows, first, end);
      });
    });
  }

 private:
  RopeInputs inputs_;
};

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
  const auto in = rope_arrays(groups, positions, frequencies, settings);
  std::vector<mx::Shape> shapes;
  for (const auto& group : groups) {
    shapes.push_back(heads_shape(group.x, settings.width));
  }
  return mx::array::make_arrays(
      std::move(shapes),
      std::vector<mx::Dtype>(groups.size(), groups[0].x.dtype()),
      std::make_shared<Rope>(stream, rope_inputs_of(groups, settings)), in);
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
