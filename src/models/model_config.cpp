#include "models/model_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <system_error>
#include <vector>

#include "base/check.h"

namespace parallm {
namespace {

namespace fs = std::filesystem;

// Rerankers that read the score off a vocabulary head are not among them.
constexpr const char* kScoringHeads[] = {
    "ForSequenceClassification", "ForTokenClassification", "RewardModel"};
constexpr size_t kModelsShown = 8;

// The names of those in the folder, sorted; what may not be read is none.
std::vector<std::string> models_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (fs::exists(entry.path() / "config.json", ignored)) {
      names.push_back(entry.path().filename().string());
    }
  }
  std::ranges::sort(names);
  return names;
}

std::string hint_at_models_in(const fs::path& folder) {
  auto names = models_in(folder);
  if (names.empty()) {
    return "";
  }
  if (names.size() > kModelsShown) {
    names.resize(kModelsShown);
    names.push_back("...");
  }
  return fmt::format(
      "; of the folders in it these look like models: {}",
      fmt::join(names, ", "));
}

void expect_no_adapter(const fs::path& folder) {
  if (!fs::exists(folder / "config.json") &&
      fs::exists(folder / "adapter_config.json")) {
    throw StartError(
        kExitBadData,
        fmt::format(
            "{}: an adapter (adapter_config.json, no config.json), expected a "
            "model; give it as --lora-path, beside the --model-path of the "
            "model that it changes",
            folder.string()));
  }
}

[[noreturn]] void refuse(
    const fs::path& folder, const char* kind, const std::string& sign) {
  throw StartError(
      kExitBadData,
      fmt::format(
          "{}: {} ({}), which this version cannot serve; expected a model that "
          "generates text, such as the built-in parallm-tiny",
          folder.string(), kind, sign));
}

// Modules are named by their Python path, which has changed; its end has not.
bool pools(const ConfigJson& module) {
  return module.text_or("type", "").ends_with(".Pooling");
}

void expect_no_embedding_model(const fs::path& folder) {
  if (std::ranges::any_of(
          ConfigJson::read_list_if_present(folder / "modules.json"), pools)) {
    refuse(folder, "an embedding model", "modules.json names a Pooling module");
  }
}

std::string first_architecture(const ConfigJson& config) {
  const auto names = config.has("architectures") ? config.texts("architectures")
                                                 : std::vector<std::string>{};
  return names.empty() ? "" : names.front();
}

void expect_no_scoring_head(const fs::path& folder, const ConfigJson& config) {
  const std::string name = first_architecture(config);
  for (const char* head : kScoringHeads) {
    if (name.find(head) != name.npos) {
      refuse(
          folder, "a reward model or classifier",
          fmt::format("config.json: architectures is {}", name));
    }
  }
}

} // namespace

void expect_model_folder(const fs::path& folder, const std::string& file) {
  constexpr auto kExpected = "expected the folder of an MLX checkpoint";
  if (!fs::is_directory(folder)) {
    throw StartError(
        kExitNotFound,
        fmt::format(
            "{}: not a folder; {}, or a .gguf file (ids of the Hub are not "
            "downloaded by this version)",
            folder.string(), kExpected));
  }
  if (!fs::exists(folder / file)) {
    throw StartError(
        kExitNotFound, fmt::format(
                           "{}: no {} in it; {}{}", folder.string(), file,
                           kExpected, hint_at_models_in(folder)));
  }
}

ConfigJson read_model_config(const fs::path& folder) {
  expect_no_adapter(folder);
  expect_model_folder(folder, "config.json");
  const auto config = ConfigJson::read(folder / "config.json");
  expect_no_embedding_model(folder);
  expect_no_scoring_head(folder, config);
  return config;
}

} // namespace parallm
