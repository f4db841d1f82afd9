#include "config/config_file.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include "base/check.h"
#include "config/suggest.h"
#include "config/text_file.h"

namespace parallm {

namespace {

constexpr std::string_view kModelTable = "model";

const Setting* setting_of_key(std::string_view key) {
  for (const Setting& setting : settings()) {
    if (key == key_name(setting.name) ||
        (!setting.ancestor_name.empty() &&
         key == key_name(setting.ancestor_name))) {
      return &setting;
    }
  }
  return nullptr;
}

bool takes_text(Kind kind) {
  return kind == Kind::kText || kind == Kind::kList || kind == Kind::kChoice;
}

// Reads one document.
class Reader {
 public:
  explicit Reader(const std::string& name) : name_(name) {}

  std::vector<Given> read(const std::string& text) {
    try {
      const toml::table document = toml::parse(text, name_);
      add_table(document);
    } catch (const toml::parse_error& error) {
      throw StartError(
          kExitUsage, fmt::format(
                          "{}:{}: {}", name_, error.source().begin.line,
                          error.description()));
    }
    return std::move(given_);
  }

 private:
  std::string where(const toml::key& key) const {
    return fmt::format("{}:{}: {}", name_, key.source().begin.line, key.str());
  }

  void add_table(const toml::table& table) {
    for (const auto& [key, node] : table) {
      if (key.str() == kModelTable) {
        add_model(key, node);
      } else {
        add(key, node, settings_here(key));
      }
    }
  }

  const Setting& settings_here(const toml::key& key) const {
    const Setting* setting = setting_of_key(key.str());
    if (!setting) {
      refuse_unknown(key, "unknown key", [](const Setting&) { return true; });
    }
    return *setting;
  }

  void add_model(const toml::key& key, const toml::node& node) {
    const toml::array* models = node.as_array();
    if (!models || !models->is_homogeneous(toml::node_type::table)) {
      throw StartError(
          kExitUsage, fmt::format("{}: expected [[model]] tables", where(key)));
    }
    if (models->size() > 1) {
      throw StartError(
          kExitConfig,
          fmt::format(
              "{}: {} models are given; more than one is not available in "
              "this version",
              where(key), models->size()));
    }
    for (const auto& [inner, value] : *models->get(0)->as_table()) {
      add(inner, value, model_setting(inner));
    }
  }

  const Setting& model_setting(const toml::key& key) const {
    const auto of_model = [](const Setting& setting) {
      return setting.group == SettingGroup::kModel;
    };
    const Setting* setting = setting_of_key(key.str());
    if (!setting || !of_model(*setting)) {
      refuse_unknown(key, "not a setting of a model", of_model);
    }
    return *setting;
  }

  void add(
      const toml::key& key, const toml::node& node, const Setting& setting) {
    for (const Given& other : given_) {
      if (other.setting == &setting) {
        throw StartError(
            kExitUsage,
            fmt::format("{}: already given as {}", where(key), other.where));
      }
    }
    given_.push_back(
        {.setting = &setting,
         .texts = texts(key, node, setting),
         .source = Source::kFile,
         .where = where(key)});
  }

  Texts texts(
      const toml::key& key, const toml::node& node, const Setting& setting) {
    const toml::array* array = node.as_array();
    if (!array || setting.slot.kind != Kind::kList) {
      return {text(key, node, setting)};
    }
    Texts result;
    for (const toml::node& element : *array) {
      result.push_back(text(key, element, setting));
    }
    return result;
  }

  // TOML knows types, so "8000" is no port and 8000 no host.
  std::string text(
      const toml::key& key, const toml::node& node, const Setting& setting) {
    const Kind kind = setting.slot.kind;
    if (const auto* string = node.as_string()) {
      const bool fits =
          takes_text(kind) || kind == Kind::kBytes || kind == Kind::kSwitch ||
          (setting.slot.optional && **string == setting.limits.automatic);
      if (fits && !(kind == Kind::kSwitch && (*string)->empty())) {
        return **string;
      }
    } else if (node.is_boolean() && kind == Kind::kSwitch) {
      return *node.value<bool>() ? "on" : "off";
    } else if (node.is_integer() && !takes_text(kind)) {
      return fmt::format("{}", *node.value<int64_t>());
    } else if (
        node.is_floating_point() &&
        (kind == Kind::kNumber || kind == Kind::kSeconds)) {
      return number_text(*node.value<double>());
    }
    throw StartError(
        kExitUsage, fmt::format(
                        "{}: expected {}, got {}", where(key),
                        expected_value(setting), shown(node)));
  }

  static std::string shown(const toml::node& node) {
    std::ostringstream out;
    node.visit([&](const auto& value) { out << value; });
    return out.str();
  }

  template <class Filter>
  [[noreturn]] void refuse_unknown(
      const toml::key& key, std::string_view complaint, Filter filter) const {
    std::vector<std::string> names;
    for (const Setting& setting : settings()) {
      if (filter(setting)) {
        names.push_back(key_name(setting.name));
      }
    }
    throw StartError(
        kExitUsage,
        fmt::format(
            "{}: {}{}", where(key), complaint, did_you_mean(key.str(), names)));
  }

  const std::string& name_;
  std::vector<Given> given_{};
};

} // namespace

std::vector<Given> read_config_file(
    const std::filesystem::path& path, const std::string& name) {
  return Reader(name).read(read_text_file(path, name));
}

} // namespace parallm
