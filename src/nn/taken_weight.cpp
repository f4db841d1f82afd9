#include "nn/taken_weight.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <map>
#include <set>
#include <string_view>

namespace parallm {
namespace {

struct Place {
  std::string module{}; // without its layer
  int layer = -1;       // none
};

// "model.layers.12.mlp.up_proj" is mlp.up_proj in layer 12.
Place place_of(const std::string& module) {
  constexpr std::string_view kLayers = "layers.";
  const size_t found = module.find(kLayers);
  if (found == std::string::npos) {
    return {module};
  }
  const char* number = module.data() + found + kLayers.size();
  int layer = 0;
  const auto read =
      std::from_chars(number, module.data() + module.size(), layer);
  if (read.ec != std::errc() || *read.ptr != '.') {
    return {module};
  }
  return {std::string(read.ptr + 1), layer};
}

// "0-3, 5"
std::string ranges_text(const std::set<int>& numbers) {
  std::vector<std::string> ranges;
  for (auto at = numbers.begin(); at != numbers.end();) {
    const int first = *at;
    int last = first;
    while (++at != numbers.end() && *at == last + 1) {
      last = *at;
    }
    ranges.push_back(
        first == last ? fmt::format("{}", first)
                      : fmt::format("{}-{}", first, last));
  }
  return fmt::format("{}", fmt::join(ranges, ", "));
}

} // namespace

std::vector<std::string> text_of(const std::vector<TakenWeight>& weights) {
  std::map<std::pair<std::string, std::string>, std::set<int>> layers;
  for (const auto& [module, form] : weights) {
    const Place place = place_of(module);
    layers[{form, place.module}].insert(place.layer);
  }
  std::map<std::pair<std::string, std::set<int>>, std::vector<std::string>>
      modules; // of a form in the same layers
  for (const auto& [key, in] : layers) {
    modules[{key.first, in}].push_back(key.second);
  }
  std::vector<std::string> lines;
  for (const auto& [key, names] : modules) {
    const auto& [form, in] = key;
    lines.push_back(fmt::format(
        "{}: {}{}", form,
        in.contains(-1)
            ? ""
            : fmt::format(
                  "layer{} {}: ", in.size() == 1 ? "" : "s", ranges_text(in)),
        fmt::join(names, ", ")));
  }
  return lines;
}

} // namespace parallm
