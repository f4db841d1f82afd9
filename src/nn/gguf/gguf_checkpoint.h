#pragma once

#include "nn/checkpoint.h"
#include "nn/gguf/gguf_file.h"

namespace parallm {

// A checkpoint of a GGUF file's tensors, under the names of a checkpoint
// folder, packed ones in MLX's affine form (gguf_blocks.h), a llama's queries
// and keys in the order that its family expects. Lazy, as Checkpoint is, and on
// its threads. Throws StartError.
Checkpoint open_gguf(
    const GgufFile& file,
    std::optional<mx::Dtype> dtype,
    std::optional<Adapter> adapter = std::nullopt,
    const OnProgress& on_progress = {});

// How many numbers the weights stand for, however packed. Any thread.
size_t count_numbers(const GgufFile& file);

} // namespace parallm
