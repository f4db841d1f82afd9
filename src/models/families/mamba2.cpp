#include "models/read_mamba2.h"
#include "models/read_spec.h"
#include "models/registry.h"
#include "models/tidy.h"

namespace parallm {

// Mamba 2: no attention, and no feed-forward part either.
//
// Norms take the sizes of groups apart, as the code does with which checkpoints
// of several groups are made: RMSNormGated with group_size d_ssm / ngroups in
// mamba_ssm/modules/mamba2.py of state-spaces/mamba. mlx-lm and transformers
// take all groups at once, which is wrong for Mamba-Codestral-7B and its 8
// (huggingface/transformers#40861); the authors' own have one group.
// norm_before_gate has no effect, there as here: all gate first.
ArchSpec read_mamba2(const ConfigJson& config) {
  // A state has no last position. A guess: sequences in training are shorter.
  const auto json =
      config.with_defaults(R"({"max_position_embeddings": 32768})");
  expect_flag(json, "rms_norm", true);
  ArchSpec spec = read_frame(json, {.norm_eps = "layer_norm_epsilon"});
  Mamba2Spec mixer = read_mamba2_mixer(
      json,
      {.state = json.has("ssm_state_size") ? "ssm_state_size" : "state_size"});
  mixer.norm_groups = mixer.scan.groups;
  spec.layers.assign(spec.layers.size(), {mixer, std::monostate()});
  spec.names.embedding = "backbone.embeddings";
  spec.names.layer = "backbone.layers.{}.";
  spec.names.norm = "backbone.norm_f";
  spec.names.attention_norm = "norm";
  spec.names.recurrent = "mixer.";
  spec.tidy = {flatten_convolutions};
  return spec;
}

} // namespace parallm
