#pragma once

#include <filesystem>
#include <string>

#include "nn/config_json.h"

namespace parallm {

// config.json of a folder with a model that generates text. Folders that hold
// something else are told by what their makers wrote into them:
//   an adapter          adapter_config.json, and no config.json
//   an embedding model  modules.json, of sentence-transformers, has a Pooling
//   a reward model or classifier
//                       the first of architectures in config.json names what
//                       transformers builds with such a head:
//                       LlamaForSequenceClassification, Qwen2ForRewardModel
// Nothing else is a sign. Names without a head, as LlamaModel, are not: that
// there is none, a model with tied embeddings does not show.
// Any thread. Throws StartError: kExitNotFound without folder or file,
// kExitBadData with one line that says what the folder holds.
ConfigJson read_model_config(const std::filesystem::path& folder);

// Throws StartError, kExitNotFound, unless it is the folder of a model with
// such a file. Names folders in it that look like models.
void expect_model_folder(
    const std::filesystem::path& folder, const std::string& file);

} // namespace parallm
