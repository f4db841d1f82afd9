#include "models/tidy.h"

#include <fmt/format.h>

#include <cstdlib>
#include <string_view>
#include <vector>

#include "nn/checkpoint.h"

namespace parallm {
namespace {

// What a module may consist of.
constexpr const char* kTensors[] = {".weight", ".scales", ".biases", ".bias"};

} // namespace

void drop_suffix(Checkpoint& ck, const std::string& end) {
  ck.drop(end);
}

void rename_prefix(
    Checkpoint& ck, const std::string& from, const std::string& to) {
  for (const auto& name : ck.names()) {
    if (name.starts_with(from)) {
      ck.put(to + name.substr(from.size()), ck.pull(name));
    }
  }
}

void stack(
    Checkpoint& ck,
    const std::string& pattern,
    int count,
    const std::string& to) {
  for (const char* tensor : kTensors) {
    const auto name = [&](int i) {
      return fmt::format(fmt::runtime(pattern), i) + tensor;
    };
    if (!ck.has(name(0))) {
      continue;
    }
    std::vector<mx::array> parts;
    for (int i = 0; i < count; ++i) {
      parts.push_back(ck.pull(name(i)));
    }
    ck.put(to + tensor, mx::stack(parts));
  }
}

void stack_experts(
    Checkpoint& ck,
    const ArchSpec& spec,
    const std::string& mlp,
    const ExpertNames& names) {
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    const auto* moe = std::get_if<MoeSpec>(&spec.layers[i].feed_forward);
    if (!moe) {
      continue;
    }
    const auto at = fmt::format("model.layers.{}.{}", i, mlp);
    const auto from = at + "experts.{}.", to = at + "switch_mlp.";
    stack(ck, from + names.gate, moe->experts, to + "gate_proj");
    stack(ck, from + names.up, moe->experts, to + "up_proj");
    stack(ck, from + names.down, moe->experts, to + "down_proj");
  }
}

void drop_prefix(Checkpoint& ck, const std::string& from) {
  for (const auto& name : ck.names()) {
    if (name.starts_with(from)) {
      ck.pull(name);
    }
  }
}

void drop_layers_from(Checkpoint& ck, size_t first) {
  constexpr std::string_view kLayer = "model.layers.";
  for (const auto& name : ck.names()) {
    if (name.starts_with(kLayer) &&
        std::strtoul(name.c_str() + kLayer.size(), nullptr, 10) >= first) {
      ck.pull(name);
    }
  }
}

void halve(
    Checkpoint& ck,
    const std::string& module,
    int axis,
    const std::string& first,
    const std::string& second) {
  for (const char* tensor : kTensors) {
    if (ck.has(module + tensor)) {
      const auto halves = mx::split(ck.pull(module + tensor), 2, axis);
      // Kernels read rows as they lie: views would be copied in every step.
      ck.put(first + tensor, mx::contiguous(halves[0]));
      ck.put(second + tensor, mx::contiguous(halves[1]));
    }
  }
}

} // namespace parallm
