#include "config/schema.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

namespace parallm {

namespace {

std::string with_dashes_as_underscores(std::string_view name) {
  std::string result(name);
  std::ranges::replace(result, '-', '_');
  return result;
}

std::string range_text(const Setting& setting) {
  const auto text = [&](double end) {
    return setting.slot.kind == Kind::kBytes
               ? bytes_text(static_cast<uint64_t>(end))
               : number_text(end);
  };
  return fmt::format(
      "from {} to {}", text(setting.limits.least), text(setting.limits.most));
}

std::string expected_of_kind(const Setting& setting) {
  switch (setting.slot.kind) {
    case Kind::kText:
    case Kind::kList:
      return std::string(setting.form ? setting.form->expected : "a text");
    case Kind::kSwitch:
      return "on or off";
    case Kind::kInteger:
      return "an integer " + range_text(setting);
    case Kind::kNumber:
      return "a number " + range_text(setting);
    case Kind::kSeconds:
      return "seconds " + range_text(setting);
    case Kind::kBytes:
      return "bytes, or a number with K, M or G, " + range_text(setting);
    case Kind::kChoice:
      return fmt::format("one of {}", fmt::join(setting.slot.words, ", "));
  }
  return {};
}

} // namespace

Texts default_texts(const Setting& setting) {
  return setting.slot.texts(AskedConfig{}, setting.limits);
}

std::string_view title(SettingGroup group) {
  switch (group) {
    case SettingGroup::kModel:
      return "Model";
    case SettingGroup::kNetwork:
      return "Network";
    case SettingGroup::kEngine:
      return "Engine";
    case SettingGroup::kRequests:
      return "Requests";
    case SettingGroup::kObservability:
      return "Observability";
    case SettingGroup::kAncestor:
      return "Accepted for the Python project's sake, without effect";
  }
  return {};
}

std::string variable_name(std::string_view name) {
  std::string result = "PARALLM_" + with_dashes_as_underscores(name);
  std::ranges::transform(
      result, result.begin(), [](unsigned char c) { return std::toupper(c); });
  return result;
}

std::string key_name(std::string_view name) {
  return with_dashes_as_underscores(name);
}

std::string flag_name(std::string_view name) {
  return fmt::format("--{}", name);
}

std::string expected_value(const Setting& setting) {
  const std::string expected = expected_of_kind(setting);
  return setting.slot.optional
             ? fmt::format("{} or {}", setting.limits.automatic, expected)
             : expected;
}

} // namespace parallm
