#pragma once

#include "nn/config_json.h"
#include "nn/gguf/gguf_file.h"

namespace parallm {

// What the config.json of the same model would say: sizes, rope, end tokens
// and, as MLX writes it, how each module is packed. Any thread.
// Throws StartError that names file and key, or tensor: what is not known and
// may change what the model computes is refused.
ConfigJson gguf_config(const GgufFile& file);

} // namespace parallm
