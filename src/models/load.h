#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/types.h"
#include "models/arch_spec.h"
#include "models/checkpoint_sampling.h"
#include "models/model.h"
#include "nn/checkpoint.h"

namespace parallm {

struct LoadOptions {
  std::optional<mx::Dtype> dtype{}; // float weights become f32, f16 or bf16
  // Whether generation_config.json gives sampling defaults. If not, only its
  // eos_token_id is read, and what is wrong with it does not matter.
  bool use_generation_config = true;
  std::filesystem::path adapter{}; // folder of the one for all; empty: none
  // Of products with packed weights on the CPU; not of an adapter.
  Activations activations = Activations::kFloat32;
  OnProgress on_progress{}; // on the engine thread, while it loads
};

// What a checkpoint folder, or a .gguf in its place, says about itself, read
// from its JSON files and the heads of its weight files; no tensor is loaded.
// For the memory plan.
struct ModelFacts {
  ArchSpec arch{};
  ModelShape shape{};
  size_t weight_bytes = 0; // that the loaded model holds, with its adapter
  size_t making_bytes = 0; // beside them, at most, while it is loaded
  size_t parameters = 0;   // in the weight files, however packed
  std::vector<TakenWeight> weights{};
  std::vector<std::string> left_out{}; // parts that are not built, and why
  std::string adapter{}; // "lora of rank 8 in 14 modules"; "": none
  // eos_token_id of generation_config.json, else of config.json. Empty where
  // neither names one: the caller falls back to the tokenizer's.
  std::vector<TokenId> end_tokens{};
  CheckpointSampling sampling{};
};

// Any thread. Throws StartError: one line that names file and key, or tensor.
ModelFacts read_model_facts(
    const std::filesystem::path& folder, const LoadOptions& options = {});

// Loads and evaluates every weight. Engine thread. Throws StartError: one line
// that names the file or tensor, what was expected and what was found.
std::unique_ptr<Model> load_model(
    const std::filesystem::path& folder, const LoadOptions& options = {});

} // namespace parallm
