#include "models/load.h"

#include <algorithm>

#include "base/check.h"
#include "models/decoder.h"
#include "models/model_config.h"
#include "models/registry.h"
#include "nn/checkpoint.h"
#include "nn/config_json.h"
#include "nn/gguf/gguf_checkpoint.h"
#include "nn/gguf/gguf_config.h"
#include "nn/weight.h"

namespace parallm {
namespace {

namespace fs = std::filesystem;

constexpr double kLarge = 1e6; // no sampling value means anything above

std::optional<float> number_if_present(
    const ConfigJson& json, const std::string& key, double least, double most) {
  if (!json.has(key)) {
    return std::nullopt;
  }
  return static_cast<float>(json.number(key, least, most));
}

// None if the file does not say.
std::vector<TokenId> read_end_tokens(const ConfigJson& json) {
  return json.integers("eos_token_id", 0);
}

CheckpointSampling read_sampling(const ConfigJson& json) {
  CheckpointSampling defaults;
  defaults.temperature = number_if_present(json, "temperature", 0, kLarge);
  defaults.top_p = number_if_present(json, "top_p", 0, 1);
  defaults.min_p = number_if_present(json, "min_p", 0, 1);
  defaults.repetition_penalty =
      number_if_present(json, "repetition_penalty", 0.01, kLarge);
  if (json.has("top_k")) { // -1 is another way to say off
    defaults.top_k = std::max(0, json.integer("top_k", -1));
  }
  if (!json.flag_or("do_sample", true)) {
    defaults.temperature = 0.0f;
  }
  return defaults;
}

struct GenerationConfig {
  CheckpointSampling sampling{};
  std::vector<TokenId> end_tokens{};
};

GenerationConfig read_generation_config(const fs::path& folder) {
  const auto json =
      ConfigJson::read_if_present(folder / "generation_config.json");
  return json ? GenerationConfig{read_sampling(*json), read_end_tokens(*json)}
              : GenerationConfig{};
}

// For whoever does not want the file: a broken one is as good as none.
GenerationConfig read_end_tokens_only(const fs::path& folder) {
  try {
    const auto json =
        ConfigJson::read_if_present(folder / "generation_config.json");
    return json ? GenerationConfig{{}, read_end_tokens(*json)}
                : GenerationConfig{};
  } catch (const StartError&) {
    return {};
  }
}

// "models/x", written with a slash behind it or without.
std::string name_of(const fs::path& path) {
  return (path / "").parent_path().filename().string();
}

std::optional<Adapter> open_adapter(
    const fs::path& model, const LoadOptions& options) {
  if (options.adapter.empty()) {
    return std::nullopt;
  }
  return Adapter(AdapterFiles::find(options.adapter), name_of(model));
}

// A model whose files' heads have been read, and nothing else of them.
struct Opened {
  ConfigJson json;
  ArchSpec arch;
  size_t parameters;
  Checkpoint checkpoint;
};

// The weight files too tell how layers are packed that config.json does not
// name.
Opened open_folder(const fs::path& folder, const LoadOptions& options) {
  const ConfigJson json = read_model_config(folder);
  ArchSpec arch = read_arch(json);
  const auto weights = WeightFiles::find(folder);
  if (arch.quantization.present()) {
    for (const auto& file : weights.files) {
      arch.quantization.learn(file);
    }
  }
  return {
      json, arch, count_numbers(weights, arch.quantization),
      Checkpoint(
          folder, weights, options.dtype, open_adapter(folder, options),
          options.on_progress)};
}

Opened open_file(
    const GgufFile& file, const fs::path& model, const LoadOptions& options) {
  const ConfigJson json = gguf_config(file);
  return {
      json, read_arch(json), count_numbers(file),
      open_gguf(
          file, options.dtype, open_adapter(model, options),
          options.on_progress)};
}

Opened open(const fs::path& model, const LoadOptions& options) {
  const auto gguf = find_gguf(model);
  Opened opened = gguf ? open_file(read_gguf(*gguf), model, options)
                       : open_folder(model, options);
  opened.checkpoint.use(options.activations);
  return opened;
}

// Builds the model without reading a tensor, so that what is counted is what
// will be held, whatever a family drops, joins or unpacks.
void weigh(Checkpoint& checkpoint, ModelFacts& facts) {
  facts.shape = make_decoder(checkpoint, facts.arch)->shape();
  checkpoint.expect_empty();
  facts.weight_bytes = checkpoint.held_bytes();
  facts.making_bytes = checkpoint.making_bytes();
  facts.weights = checkpoint.told();
  facts.left_out = checkpoint.left_out();
}

} // namespace

ModelFacts read_model_facts(
    const fs::path& folder, const LoadOptions& options) {
  auto opened = open(folder, options);
  ModelFacts facts;
  facts.arch = opened.arch;
  facts.parameters = opened.parameters;
  weigh(opened.checkpoint, facts);
  if (!options.adapter.empty()) {
    facts.adapter = AdapterFiles::find(options.adapter).text();
  }
  const auto generation = options.use_generation_config
                              ? read_generation_config(folder)
                              : read_end_tokens_only(folder);
  facts.sampling = generation.sampling;
  facts.end_tokens = generation.end_tokens.empty()
                         ? read_end_tokens(opened.json)
                         : generation.end_tokens;
  return facts;
}

std::unique_ptr<Model> load_model(
    const fs::path& folder, const LoadOptions& options) {
  auto opened = open(folder, options);
  auto model = make_decoder(opened.checkpoint, opened.arch);
  opened.checkpoint.finish();
  return model;
}

} // namespace parallm
