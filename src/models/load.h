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

namespace parallm {

struct LoadOptions {
  std::optional<mx::Dtype> dtype{}; // float weights become f32, f16 or bf16
  // Whether generation_config.json gives sampling defaults. If not, only its
  // eos_token_id is read, and what is wrong with it does not matter.
  bool use_generation_config = true;
  std::filesystem::path adapter{}; // folder of the one for all; empty: none
};

// What a checkpoint folder says about itself, read from its JSON files and the
// heads of its weight files; no tensor is loaded. For the memory plan.
struct ModelFacts {
  ArchSpec arch{};
  ModelShape shape{};
  size_t weight_bytes = 0; // in memory, after a change of dtype; the adapter's
                           // as well
  size_t parameters = 0;   // in the weight files, however packed
  std::string adapter{};   // "lora of rank 8 in 14 modules"; "": none
  // eos_token_id of generation_config.json, else of config.json. Empty where
  // neither names one: the caller falls back to the tokenizer's.
  std::vector<TokenId> end_tokens{};
  CheckpointSampling sampling{};
};

// Any thread. Throws StartError: one line that names file and key.
ModelFacts read_model_facts(
    const std::filesystem::path& folder, const LoadOptions& options = {});

// Loads and evaluates every weight. Engine thread. Throws StartError: one line
// that names the file or tensor, what was expected and what was found.
std::unique_ptr<Model> load_model(
    const std::filesystem::path& folder, const LoadOptions& options = {});

} // namespace parallm
