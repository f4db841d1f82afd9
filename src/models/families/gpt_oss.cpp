#include <fmt/format.h>

#include "models/read_spec.h"
#include "models/registry.h"
#include "models/tidy.h"
#include "nn/checkpoint.h"

namespace parallm {
namespace {

// Every second row, from the first or the second on.
mx::array alternate(const mx::array& x, int axis, int first) {
  mx::Shape start(x.ndim(), 0), step(x.ndim(), 1), end = x.shape();
  const size_t at = x.ndim() + axis;
  start[at] = first;
  step[at] = 2;
  return mx::contiguous(mx::slice(x, start, end, step));
}

// The Hub's tensor names: rows of gate and up take turns, and mxfp4 blocks lie
// (experts, rows, groups, 16 bytes).
void split_gate_and_up(
    Checkpoint& ck,
    const std::string& from,
    const std::string& at,
    const std::string& tensor,
    int axis) {
  const auto both = ck.pull(from);
  ck.put(at + "gate_proj" + tensor, alternate(both, axis, 0));
  ck.put(at + "up_proj" + tensor, alternate(both, axis, 1));
}

void unpack_blocks(Checkpoint& ck, const std::string& name) {
  ck.put(name, mx::flatten(mx::view(ck.pull(name), mx::uint32), -2, -1));
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
  ck.put(at + "down_proj.weight", ck.pull(at + "down_proj_blocks"));
  ck.put(at + "down_proj.scales", ck.pull(at + "down_proj_scales"));
  ck.put(at + "down_proj.bias", ck.pull(at + "down_proj_bias"));
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
