#include "models/registry.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <utility>
#include <vector>

namespace parallm {
namespace {

const std::pair<std::string, MakeModel> kArchitectures[] = {
    {"iquestcoder", make_llama},
    {"llama", make_llama},
    {"mistral", make_llama},
    {"xverse", make_llama},
};

} // namespace

MakeModel find_architecture(const ConfigJson& config) {
  const std::string model_type = config.text("model_type");
  std::vector<std::string> known;
  for (const auto& [name, make] : kArchitectures) {
    if (name == model_type) {
      return make;
    }
    known.push_back(name);
  }
  config.refuse_value(
      "model_type", fmt::format("one of: {}", fmt::join(known, ", ")));
}

} // namespace parallm
