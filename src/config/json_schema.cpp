#include "config/json_schema.h"

#include <fmt/format.h>
#include <boost/json.hpp>

#include "config/schema.h"

namespace parallm {

namespace {

namespace json = boost::json;

json::value whole_or_real(double number) {
  const auto whole = static_cast<int64_t>(number);
  return static_cast<double>(whole) == number ? json::value(whole)
                                              : json::value(number);
}

json::object ranged(const char* type, const Limits& limits) {
  return {
      {"type", type},
      {"minimum", whole_or_real(limits.least)},
      {"maximum", whole_or_real(limits.most)}};
}

json::array words(const Setting& setting) {
  json::array result;
  for (const std::string_view word : setting.slot.words) {
    result.emplace_back(json::string(word));
  }
  return result;
}

json::object any_of(json::object first, json::object second) {
  return {{"anyOf", json::array{std::move(first), std::move(second)}}};
}

json::object bytes(const Limits& limits) {
  return any_of(
      ranged("integer", limits),
      {{"type", "string"}, {"pattern", "^[0-9]+(\\.[0-9]+)?[kKmMgG]?$"}});
}

json::object value_schema(const Setting& setting) {
  switch (setting.slot.kind) {
    case Kind::kText:
      return {{"type", "string"}};
    case Kind::kList:
      return any_of(
          {{"type", "array"}, {"items", json::object{{"type", "string"}}}},
          {{"type", "string"}});
    case Kind::kSwitch:
      return any_of(
          {{"type", "boolean"}}, {{"enum", json::array{"on", "off"}}});
    case Kind::kInteger:
      return ranged("integer", setting.limits);
    case Kind::kNumber:
    case Kind::kSeconds:
      return ranged("number", setting.limits);
    case Kind::kBytes:
      return bytes(setting.limits);
    case Kind::kChoice:
      return {{"enum", words(setting)}};
  }
  return {};
}

// As the value would stand in the file.
json::value default_value(const Setting& setting) {
  const Texts texts = default_texts(setting);
  switch (setting.slot.kind) {
    case Kind::kList:
      return json::value_from(texts);
    case Kind::kSwitch:
      return texts.front() == "on";
    case Kind::kInteger:
    case Kind::kNumber:
    case Kind::kSeconds:
      if (const auto number = parse_number(texts.front())) {
        return whole_or_real(*number);
      }
      break;
    case Kind::kText:
    case Kind::kBytes:
    case Kind::kChoice:
      break;
  }
  return json::string(texts.front());
}

std::string description(const Setting& setting) {
  std::string text(setting.help);
  switch (setting.status) {
    case Status::kWorks:
      break;
    case Status::kLater:
      text += " (not available in this version)";
      break;
    case Status::kNoEffect:
      text += " (without effect)";
      break;
  }
  return text;
}

json::object property(const Setting& setting) {
  json::object result = value_schema(setting);
  if (setting.slot.optional) {
    const json::object automatic{
        {"const", json::string(setting.limits.automatic)}};
    if (auto* choices = result.if_contains("anyOf")) {
      choices->as_array().push_back(automatic);
    } else {
      result = any_of(automatic, std::move(result));
    }
  }
  result["description"] = description(setting);
  result["default"] = default_value(setting);
  if (setting.status == Status::kNoEffect) {
    result["deprecated"] = true;
  }
  return result;
}

void add_property(json::object& properties, const Setting& setting) {
  properties[key_name(setting.name)] = property(setting);
  if (!setting.ancestor_name.empty()) {
    json::object older = property(setting);
    older["deprecated"] = true;
    properties[key_name(setting.ancestor_name)] = std::move(older);
  }
}

json::object table_schema(json::object properties) {
  return {
      {"type", "object"},
      {"properties", std::move(properties)},
      {"additionalProperties", false}};
}

json::object model_tables() {
  json::object properties;
  for (const Setting& setting : settings()) {
    if (setting.group == SettingGroup::kModel) {
      add_property(properties, setting);
    }
  }
  return {
      {"description", "the settings of one model"},
      {"type", "array"},
      {"minItems", 1},
      {"maxItems", 1},
      {"items", table_schema(std::move(properties))}};
}

// Boost.JSON writes everything on one line.
void write_pretty(std::string& out, const json::value& value, int depth) {
  const std::string indent(static_cast<size_t>(depth + 1) * 2, ' ');
  const auto* object = value.if_object();
  if (!object || object->empty()) {
    out += json::serialize(value);
    return;
  }
  const char* separator = "{\n";
  for (const auto& [key, inner] : *object) {
    out += separator + indent + json::serialize(json::string(key)) + ": ";
    write_pretty(out, inner, depth + 1);
    separator = ",\n";
  }
  out += "\n" + indent.substr(2) + "}";
}

} // namespace

std::string config_json_schema() {
  json::object properties;
  for (const Setting& setting : settings()) {
    add_property(properties, setting);
  }
  properties["model"] = model_tables();
  json::object schema{
      {"$schema", "https://json-schema.org/draft/2020-12/schema"},
      {"title", "parallm.toml"}};
  for (auto& [key, value] : table_schema(std::move(properties))) {
    schema[key] = value;
  }
  std::string out;
  write_pretty(out, schema, 0);
  return out + "\n";
}

} // namespace parallm
