#include "models/read_spec.h"
#include "models/registry.h"
#include "models/tidy.h"

// Mixtral and PhiMoE: experts in every layer, two for each token.
namespace parallm {
namespace {

void tidy_experts(Checkpoint& ck, const ArchSpec& spec) {
  stack_experts(ck, spec, "block_sparse_moe.", {"w1", "w3", "w2"});
}

void use_experts(
    ArchSpec& spec, const ConfigJson& json, const RouterSpec& router) {
  MoeSpec moe = read_moe(json, "num_local_experts", "intermediate_size");
  moe.router = router;
  use_everywhere(spec, moe);
  spec.names.mlp = "block_sparse_moe.";
  spec.tidy = {tidy_experts};
}

} // namespace

// One with a window slides in every layer; see read_mistral.
ArchSpec read_mixtral(const ConfigJson& json) {
  ArchSpec spec = read_llama(json.with_defaults(R"({"rope_theta": 1000000})"));
  slide_except(spec, json, 0);
  use_experts(spec, json, {{.score = RouterSpec::Score::kSoftmaxOfChosen}});
  return spec;
}

// One with a window slides in every layer, as a Mixtral does.
ArchSpec read_phimoe(const ConfigJson& json) {
  ArchSpec spec = read_llama(json);
  slide_except(spec, json, 0);
  spec.norm.kind = NormKind::kLayer;
  spec.norm.bias = true;
  spec.head_bias = true;
  each_gqa(spec, [](GqaSpec& a) { a.qkv_bias = a.out_bias = true; });
  const double noise = json.number_or("router_jitter_noise", 0.01, 0, 1);
  use_experts(
      spec, json,
      {{.score = RouterSpec::Score::kSparseMixer,
        .band = static_cast<float>(noise)}});
  return spec;
}

} // namespace parallm
