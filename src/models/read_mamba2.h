#pragma once

#include "models/arch_spec.h"
#include "nn/config_json.h"

namespace parallm {

// Where families name the same setting of a Mamba-2 mixer differently.
struct Mamba2Keys {
  const char* heads = "num_heads";
  const char* head_dim = "head_dim";
  const char* groups = "n_groups";
  const char* state = "state_size";
  const char* taps = "conv_kernel";
  const char* bias = "use_bias";
  const char* conv_bias = "use_conv_bias";
};

// With one group for its norm. Any thread. Throws StartError that names the
// key.
Mamba2Spec read_mamba2_mixer(
    const ConfigJson& json, const Mamba2Keys& keys = {});

} // namespace parallm
