#include <fmt/format.h>
#include <fmt/ranges.h>

#include "models/read_spec.h"
#include "models/registry.h"
#include "models/tidy.h"
#include "nn/checkpoint.h"

namespace parallm {
namespace {

constexpr int kBlockBytes = 16; // of mxfp4: 32 numbers

// Every second row, from the first or the second on.
mx::array alternate(const mx::array& x, int axis, int first) {
  mx::Shape start(x.ndim(), 0), step(x.ndim(), 1), end = x.shape();
  const size_t at = x.ndim() + axis;
  start[at] = first;
  step[at] = 2;
  return mx::slice(x, start, end, step);
}

// The Hub's tensor names: rows of gate and up take turns, and mxfp4 blocks lie
// (experts, rows, groups, 16 bytes).
void split_gate_and_up(
    Checkpoint& ck,
    const std::string& from,
    const std::string& at,
    const std::string& tensor,
    int axis) {
  const auto both = pull_pairs(ck, from, axis);
  ck.put(at + "gate_proj" + tensor, alternate(both, axis, 0));
  ck.put(at + "up_proj" + tensor, alternate(both, axis, 1));
}

void unpack_blocks(Checkpoint& ck, const std::string& name) {
  const auto blocks = ck.pull(name);
  if (blocks.ndim() != 4 || blocks.shape(3) != kBlockBytes ||
      blocks.dtype() != mx::uint8) {
    ck.refuse(
        name, fmt::format(
                  "has shape ({}), expected (experts, rows, groups, {}) of U8",
                  fmt::join(blocks.shape(), ", "), kBlockBytes));
  }
  ck.put(name, mx::flatten(mx::view(blocks, mx::uint32), -2, -1));
}

void tidy_experts(Checkpoint& ck, const std::string& at) {
  if (!ck.has(at + "gate_up_proj_blocks")) {
    return;
  }
  unpack_blocks(ck, at + "gate_up_proj_blocks");
  unpack_blocks(ck, at + "down_proj_blocks");
  split_gate_and_up(ck, at + "gate_up_proj_blocks", at, ".weight", -2);
  split_gate_and_up(ck, at + "gate_up_proj_scales", at, ".scales", -2);
  split_gate_and_up(ck, at + "gate_up_proj_bias", at, ".bias", -1);
  ck.rename(at + "down_proj_blocks", at + "down_proj.weight");
  ck.rename(at + "down_proj_scales", at + "down_proj.scales");
  ck.rename(at + "down_proj_bias", at + "down_proj.bias");
}

void tidy_layers(Checkpoint& ck, const ArchSpec& spec) {
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    tidy_experts(ck, fmt::format("model.layers.{}.mlp.experts.", i));
  }
}

} // namespace

// gpt-oss: experts with biases and a clipped SwiGLU, sinks, every other layer
// slides.
ArchSpec read_gpt_oss(const ConfigJson& json) {
  if (json.number_or("swiglu_limit", 7, 0, 1e9) != 7) {
    json.refuse_value("swiglu_limit", "7");
  }
  ArchSpec spec = read_llama(json.with_defaults(R"({"rope_theta": 150000})"));
  slide_except(spec, json, 2);
  each_gqa(spec, [](GqaSpec& a) { a.qkv_bias = a.out_bias = a.sinks = true; });
  MoeSpec moe = read_moe(json, "num_local_experts", "intermediate_size");
  moe.router.score = RouterSpec::Score::kSoftmaxOfChosen;
  moe.router.bias = true;
  moe.clipped = true;
  moe.bias = true;
  use_everywhere(spec, moe);
  spec.names.router = "router";
  spec.names.experts = "experts.";
  spec.tidy = {tidy_layers};
  return spec;
}

} // namespace parallm
