#include "models/registry.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <vector>

namespace parallm {
namespace {

struct Family {
  const char* model_type;
  ArchSpec (*read)(const ConfigJson&);
};

#define PARALLM_ROW(model_type, read) {model_type, read},
constexpr Family kFamilies[] = {PARALLM_FAMILIES(PARALLM_ROW)};
#undef PARALLM_ROW

} // namespace

ArchSpec read_arch(const ConfigJson& config) {
  const std::string model_type = config.text("model_type");
  std::vector<std::string> known;
  for (const auto& family : kFamilies) {
    if (family.model_type == model_type) {
      return family.read(config);
    }
    known.emplace_back(family.model_type);
  }
  config.refuse_value(
      "model_type", fmt::format("one of: {}", fmt::join(known, ", ")));
}

} // namespace parallm
