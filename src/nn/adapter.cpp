#include "nn/adapter.h"

#include <fmt/format.h>

#include "base/check.h"

namespace parallm {
namespace {

LoraTensors reordered(LoraTensors lora, const mx::array& outputs) {
  lora.b = mx::take(lora.b, outputs, 1);
  if (lora.m) {
    lora.m = mx::take(*lora.m, outputs, 0);
  }
  return lora;
}

std::string misfit_text(const std::string& base, const std::string& model) {
  return fmt::format(
      "the adapter{} does not fit {}",
      base.empty() ? "" : fmt::format(", made for {},", base), model);
}

} // namespace

Adapter::Adapter(const AdapterFiles& files, const std::string& model)
    : files_(files),
      misfit_(misfit_text(files.base, model)),
      tensors_(files.tensors.path.parent_path(), {files.tensors}) {
}

std::optional<LoraTensors> Adapter::take(
    const std::string& module, int inputs, int outputs) {
  if (!tensors_.has(module + ".lora_a")) {
    return std::nullopt;
  }
  const auto take = [&](const char* end, const mx::Shape& shape) {
    return take_fitting(module + end, shape);
  };
  LoraTensors lora{
      take(".lora_a", {inputs, files_.rank}),
      take(".lora_b", {files_.rank, outputs}), std::nullopt, files_.scale};
  if (files_.kind == AdapterKind::kDora) {
    lora.m = take(".m", {outputs});
  }
  const auto order = orders_.find(module);
  return order == orders_.end() ? lora : reordered(lora, order->second);
}

// Names, types and rank are right already: only the model can be another one.
mx::array Adapter::take_fitting(
    const std::string& name, const mx::Shape& shape) {
  try {
    return tensors_.take(name, shape, std::nullopt);
  } catch (const StartError& error) {
    throw StartError(
        error.exit_code, fmt::format("{}: {}", error.what(), misfit_));
  }
}

void Adapter::reorder(const std::string& module, const mx::array& outputs) {
  orders_.insert_or_assign(module, outputs);
}

void Adapter::expect_none(
    const std::string& module, std::string_view kind) const {
  const std::string name = module + ".lora_a";
  if (tensors_.has(name)) {
    throw StartError(
        kExitBadData,
        fmt::format(
            "{}: tensor {} is for {}, expected linear layers only",
            files_.tensors.path.string(), name, kind));
  }
}

void Adapter::expect_empty() const {
  tensors_.expect_empty(
      ", as the model has no linear layer of this name: " + misfit_);
}

} // namespace parallm
