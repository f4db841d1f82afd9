#include "nn/adapter.h"

#include <fmt/format.h>

#include "base/check.h"

namespace parallm {

Adapter::Adapter(const AdapterFiles& files)
    : files_(files),
      tensors_(files.tensors.path.parent_path(), {files.tensors}) {
}

std::optional<LoraTensors> Adapter::take(
    const std::string& module, int inputs, int outputs) {
  if (!tensors_.has(module + ".lora_a")) {
    return std::nullopt;
  }
  const auto take = [&](const char* end, const mx::Shape& shape) {
    return tensors_.take(module + end, shape, std::nullopt);
  };
  LoraTensors lora{
      take(".lora_a", {inputs, files_.rank}),
      take(".lora_b", {files_.rank, outputs}), std::nullopt, files_.scale};
  if (files_.kind == AdapterKind::kDora) {
    lora.m = take(".m", {outputs});
  }
  return lora;
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
  tensors_.expect_empty(", as the model has no linear layer of this name");
}

} // namespace parallm
