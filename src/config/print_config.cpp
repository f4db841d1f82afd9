#include "config/print_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace parallm {

namespace {

// A basic string of TOML.
std::string toml_string(std::string_view text) {
  std::string result = "\"";
  for (const unsigned char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
      result += static_cast<char>(c);
    } else if (c < 0x20 || c == 0x7f) {
      result += fmt::format("\\u{:04X}", c);
    } else {
      result += static_cast<char>(c);
    }
  }
  return result + '"';
}

std::string toml_list(const Texts& texts) {
  std::vector<std::string> strings(texts.size());
  std::ranges::transform(texts, strings.begin(), toml_string);
  return fmt::format("[{}]", fmt::join(strings, ", "));
}

// Seconds and shares: TOML knows integers from floats, we do not care.
std::string toml_value(const Setting& setting, const Texts& texts) {
  const std::string& text = texts.empty() ? std::string() : texts.front();
  switch (setting.slot.kind) {
    case Kind::kList:
      return toml_list(texts);
    case Kind::kSwitch:
      return text == "on" ? "true" : "false";
    case Kind::kInteger:
    case Kind::kNumber:
    case Kind::kSeconds:
      return text == setting.limits.automatic ? toml_string(text) : text;
    case Kind::kText:
    case Kind::kBytes:
    case Kind::kChoice:
      return toml_string(text);
  }
  return {};
}

std::string source_text(const Origin& origin) {
  switch (origin.source) {
    case Source::kDefault:
      return "default";
    case Source::kFile:
      return "file, " + origin.where;
    case Source::kVariable:
      return "variable " + origin.where;
    case Source::kFlag:
      return "flag " + origin.where;
  }
  return {};
}

std::string comment(const ParsedConfig& parsed, const Setting& setting) {
  const auto found = parsed.origins.find(setting.name);
  return source_text(found == parsed.origins.end() ? Origin{} : found->second);
}

// What is required has no default to print.
bool missing(const Setting& setting, const Texts& texts) {
  return setting.form && setting.slot.kind == Kind::kText &&
         !setting.form->fits(texts.front());
}

std::string line(
    const ParsedConfig& parsed,
    const AskedConfig& asked,
    const Setting& setting) {
  const Texts texts = setting.slot.texts(asked, setting.limits);
  if (missing(setting, texts)) {
    return fmt::format("# {} is not set\n", key_name(setting.name));
  }
  return fmt::format(
      "{} = {} # {}\n", key_name(setting.name), toml_value(setting, texts),
      comment(parsed, setting));
}

} // namespace

std::string config_toml(const ParsedConfig& parsed) {
  const AskedConfig asked{parsed.config};
  std::string out;
  for (SettingGroup group :
       {SettingGroup::kModel, SettingGroup::kNetwork, SettingGroup::kEngine,
        SettingGroup::kRequests, SettingGroup::kObservability}) {
    out += fmt::format("{}# {}\n", out.empty() ? "" : "\n", title(group));
    for (const Setting& setting : settings()) {
      if (setting.group == group && setting.status == Status::kWorks) {
        out += line(parsed, asked, setting);
      }
    }
  }
  return out;
}

} // namespace parallm
