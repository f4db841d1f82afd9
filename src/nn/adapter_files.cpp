#include "nn/adapter_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>

#include "base/check.h"
#include "nn/config_json.h"

namespace parallm {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfig = "adapter_config.json";
constexpr int kMostRank = 1 << 16;
constexpr double kMostScale = 1e6; // far beyond any that trains

AdapterKind read_kind(const ConfigJson& config) {
  const std::string type = config.text_or("fine_tune_type", "lora");
  if (type != "lora" && type != "dora") {
    config.refuse_value("fine_tune_type", "lora or dora");
  }
  return type == "dora" ? AdapterKind::kDora : AdapterKind::kLora;
}

// The product is multiplied by the scale itself; elsewhere by alpha / rank.
float read_scale(const ConfigJson& parameters) {
  if (!parameters.has("scale") && parameters.has("alpha")) {
    parameters.refuse("scale", "is missing; mlx-lm has no alpha");
  }
  return static_cast<float>(
      parameters.number("scale", -kMostScale, kMostScale));
}

// mlx-lm writes all its settings there, and the model is one of them; others
// write what PEFT does. It is told, never looked for.
std::string read_base(const ConfigJson& config) {
  for (const char* key : {"model", "base_model_name_or_path"}) {
    if (config.is_text(key)) {
      return config.text(key);
    }
  }
  return "";
}

void expect_folder(const fs::path& folder) {
  if (!fs::is_directory(folder)) {
    throw StartError(
        kExitNotFound, fmt::format(
                           "{}: not a folder; expected a LoRA or DoRA adapter "
                           "as mlx-lm writes it",
                           folder.string()));
  }
}

void expect_no_model(const fs::path& folder) {
  if (!fs::exists(folder / kConfig) && fs::exists(folder / "config.json")) {
    throw StartError(
        kExitBadData,
        fmt::format(
            "{}: a model (config.json, no {}), expected an adapter; give it as "
            "--model-path",
            folder.string(), kConfig));
  }
}

AdapterFiles read_config(const fs::path& file) {
  const auto config = ConfigJson::read(file);
  if (config.has("peft_type")) {
    config.refuse_value("peft_type", "an adapter of mlx-lm, without it");
  }
  AdapterFiles adapter;
  adapter.kind = read_kind(config);
  const auto parameters = config.object("lora_parameters");
  adapter.rank = parameters.integer("rank", 1, kMostRank);
  adapter.scale = read_scale(parameters);
  adapter.base = read_base(config);
  return adapter;
}

// The tensors of one module, by the last part of their names.
using Module = std::map<std::string, const TensorInfo*>;

class Checker {
 public:
  explicit Checker(const AdapterFiles& adapter) : adapter_(adapter) {}

  void check() const {
    const auto all = modules();
    if (all.empty()) {
      refuse("holds no tensor");
    }
    for (const auto& [name, module] : all) {
      check_names(name, module);
      check_rank(*module.at("lora_a"), 1, "(inputs, {})");
      check_rank(*module.at("lora_b"), 0, "({}, outputs)");
    }
  }

 private:
  [[noreturn]] void refuse(const std::string& complaint) const {
    throw StartError(
        kExitBadData,
        fmt::format("{}: {}", adapter_.tensors.path.string(), complaint));
  }

  [[noreturn]] void refuse_name(const TensorInfo& tensor) const {
    refuse(fmt::format(
        "tensor {} is none of a {} adapter, expected a name that ends in "
        ".lora_a, .lora_b{}",
        tensor.name, dora() ? "dora" : "lora", dora() ? " or .m" : ""));
  }

  bool dora() const { return adapter_.kind == AdapterKind::kDora; }

  std::map<std::string, Module> modules() const {
    std::map<std::string, Module> found;
    for (const auto& tensor : adapter_.tensors.tensors) {
      check_type(tensor);
      const auto dot = tensor.name.rfind('.');
      if (dot == std::string::npos) {
        refuse_name(tensor);
      }
      found[tensor.name.substr(0, dot)][tensor.name.substr(dot + 1)] = &tensor;
    }
    return found;
  }

  void check_type(const TensorInfo& tensor) const {
    if (!is_float(tensor)) {
      refuse(fmt::format(
          "tensor {} has type {}, expected F32, F16 or BF16", tensor.name,
          tensor.dtype));
    }
  }

  // All that the kind needs, and nothing else.
  void check_names(const std::string& name, const Module& module) const {
    for (const auto& [end, tensor] : module) {
      if (end != "lora_a" && end != "lora_b" && !(end == "m" && dora())) {
        refuse_name(*tensor);
      }
    }
    for (const std::string end : {"lora_a", "lora_b", "m"}) {
      if (!module.contains(end) && (dora() || end != "m")) {
        refuse(fmt::format(
            "tensor {}.{} is missing, as {} is there", name, end,
            module.begin()->second->name));
      }
    }
  }

  void check_rank(
      const TensorInfo& tensor, size_t axis, const char* expected) const {
    if (tensor.shape.size() != 2 || tensor.shape[axis] != adapter_.rank) {
      refuse(fmt::format(
          "tensor {} has shape ({}), expected {}: lora_parameters.rank of "
          "adapter_config.json is {}",
          tensor.name, fmt::join(tensor.shape, ", "),
          fmt::format(fmt::runtime(expected), adapter_.rank), adapter_.rank));
    }
  }

  const AdapterFiles& adapter_;
};

} // namespace

AdapterFiles AdapterFiles::find(const fs::path& folder) {
  expect_folder(folder);
  expect_no_model(folder);
  AdapterFiles adapter = read_config(folder / kConfig);
  const fs::path file = folder / "adapters.safetensors";
  adapter.tensors = read_safetensors_header(file);
  Checker(adapter).check();
  return adapter;
}

std::string AdapterFiles::text() const {
  const bool dora = kind == AdapterKind::kDora;
  const size_t modules = tensors.tensors.size() / (dora ? 3 : 2);
  return fmt::format(
      "{} of rank {} in {} module{}", dora ? "dora" : "lora", rank, modules,
      modules == 1 ? "" : "s");
}

} // namespace parallm
