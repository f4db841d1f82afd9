#pragma once

#include <memory>

#include "models/model.h"
#include "nn/checkpoint.h"
#include "nn/config_json.h"
#include "nn/model_config.h"

namespace parallm {

using MakeModel = std::unique_ptr<Model> (*)(Checkpoint&, const ModelConfig&);

// What config.json's model_type stands for. Unknown: StartError that lists the
// known. Any thread; what it returns is for the engine thread, as is all below.
MakeModel find_architecture(const ConfigJson& config);

// One line an architecture; each lives in its own file.
std::unique_ptr<Model> make_llama(Checkpoint&, const ModelConfig&);

} // namespace parallm
