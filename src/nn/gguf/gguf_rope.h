#pragma once

#include <boost/json/fwd.hpp>
#include <cstdint>
#include <string>

#include "nn/gguf/gguf_file.h"

namespace parallm {

// What config.json would have as rope_scaling, or an empty object. From the
// architecture's keys, and for Llama 3.1 from the factors of rope_freqs.weight,
// one for each pair of `head_dim` numbers. Reads the file where it has that
// tensor. Any thread. Throws StartError that names file and key, or tensor.
boost::json::object gguf_rope_scaling(
    const GgufFile& file, const std::string& architecture, int64_t head_dim);

} // namespace parallm
