#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "nn/safetensors_header.h"

// Plain values and functions without state: any thread.
namespace parallm {

// LoRA adds a product of two thin matrices to a layer; DoRA then gives every
// output of the sum a learned length.
enum class AdapterKind : uint8_t { kLora, kDora };

// The folder of an adapter as mlx-lm writes it: adapter_config.json and
// adapters.safetensors, checked as far as one can without the model. For each
// module that is changed:
//   MODULE.lora_a (inputs, rank), MODULE.lora_b (rank, outputs)
//   MODULE.m (outputs), for DoRA
// Which modules these are, the tensors say; "num_layers" and "keys" of the
// config are for who trains it, as is "dropout".
struct AdapterFiles {
  AdapterKind kind = AdapterKind::kLora;
  int rank = 0;
  float scale = 0;
  std::string base{}; // the model it was made for, as the config says; or ""
  TensorFile tensors{};

  // Throws StartError that names the field or the tensor.
  static AdapterFiles find(const std::filesystem::path& folder);

  std::string text() const; // "lora of rank 8 in 14 modules"
};

} // namespace parallm
