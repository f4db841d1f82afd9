#pragma once

#include "models/arch_spec.h"
#include "nn/config_json.h"

namespace parallm {

// The keys with which DeepSeek and others say how experts are chosen, for
// experts whose number, and number for each token, is read. Any thread. Throws
// StartError that names the key.

// How much the chosen count together.
float read_routed_scale(const ConfigJson& json);

// n_group and topk_group: each has the experts that the router asks for, and
// those kept have enough for a token.
void read_groups(const ConfigJson& json, MoeSpec& moe);

// Sigmoid scores with a bias that balances (DeepSeek-V3, arXiv 2412.19437).
void read_balanced_router(const ConfigJson& json, MoeSpec& moe);

} // namespace parallm
