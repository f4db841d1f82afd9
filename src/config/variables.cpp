#include "config/variables.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/check.h"
#include "config/suggest.h"

extern char** environ; // POSIX leaves the declaration to us

namespace parallm {

namespace {

constexpr std::string_view kPrefix = "PARALLM_";
constexpr std::string_view kConfig = "PARALLM_CONFIG";

// Each setting under its name and its ancestor's.
std::map<std::string, const Setting*> known_variables() {
  std::map<std::string, const Setting*> known;
  for (const Setting& setting : settings()) {
    known[variable_name(setting.name)] = &setting;
    if (!setting.ancestor_name.empty()) {
      known[variable_name(setting.ancestor_name)] = &setting;
    }
  }
  return known;
}

[[noreturn]] void refuse(
    const std::string& name,
    const std::map<std::string, const Setting*>& known) {
  std::vector<std::string> names{std::string(kConfig)};
  for (const auto& entry : known) {
    names.push_back(entry.first);
  }
  throw StartError(
      kExitUsage, fmt::format(
                      "unknown environment variable {}{}", name,
                      did_you_mean(name, names)));
}

Texts split_at_commas(std::string_view text) {
  Texts parts;
  while (true) {
    const size_t comma = text.find(',');
    parts.emplace_back(text.substr(0, comma));
    if (comma == text.npos) {
      return parts;
    }
    text.remove_prefix(comma + 1);
  }
}

Given given(
    const Setting& setting, const std::string& name, const std::string& text) {
  return {
      .setting = &setting,
      .texts = setting.slot.kind == Kind::kList ? split_at_commas(text)
                                                : Texts{text},
      .source = Source::kVariable,
      .where = name};
}

} // namespace

Environment process_environment() {
  Environment result;
  for (char** entry = environ; entry && *entry; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals != text.npos) {
      result.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return result;
}

Variables read_variables(const Environment& environment) {
  const auto known = known_variables();
  Variables result;
  for (const auto& [name, text] : environment) {
    if (!name.starts_with(kPrefix)) {
      continue;
    }
    if (name == kConfig) {
      result.config_file = text;
      continue;
    }
    const auto found = known.find(name);
    if (found == known.end()) {
      refuse(name, known);
    }
    result.given.push_back(given(*found->second, name, text));
  }
  return result;
}

} // namespace parallm
