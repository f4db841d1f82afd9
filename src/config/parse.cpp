#include "config/parse.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "config/config_file.h"
#include "config/text_file.h"

namespace parallm {

namespace {

// As people may have typed them: one line, not too long.
std::string quoted(const Texts& texts) {
  constexpr size_t kMostShown = 80;
  std::string result = fmt::format("{}", fmt::join(texts, ","));
  std::ranges::replace_if(
      result, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  if (result.size() > kMostShown) {
    result.resize(kMostShown);
    result += "...";
  }
  return fmt::format("\"{}\"", result);
}

[[noreturn]] void refuse_value(const Given& given) {
  throw StartError(
      kExitUsage, fmt::format(
                      "{}: expected {}, got {}", given.where,
                      expected_value(*given.setting), quoted(given.texts)));
}

[[noreturn]] void refuse_later(const std::string& where, const Texts& texts) {
  throw StartError(
      kExitConfig,
      fmt::format(
          "{} {} is not available in this version", where, quoted(texts)));
}

bool has_form(const Given& given) {
  const TextForm* form = given.setting->form;
  return !form || std::ranges::all_of(given.texts, form->fits);
}

// Puts values into the settings and remembers who said them.
class Merge {
 public:
  // Later calls win.
  void take(const Given& given) {
    const Setting& setting = *given.setting;
    if (!setting.later_word.empty() &&
        given.texts.front() == setting.later_word) {
      refuse_later(given.where, given.texts);
    }
    if (!has_form(given) ||
        !setting.slot.store(asked_, given.texts, setting.limits)) {
      refuse_value(given);
    }
    origins_[std::string(setting.name)] = {given.source, given.where};
  }

  void take(const std::vector<Given>& given) {
    std::vector<const Setting*> seen;
    for (const Given& one : given) {
      if (std::ranges::find(seen, one.setting) != seen.end()) {
        throw StartError(
            kExitUsage,
            fmt::format("{}: {} is given twice", one.where, one.setting->name));
      }
      seen.push_back(one.setting);
      take(one);
    }
  }

  // What is known and does nothing must have its default.
  void refuse_later_features() const {
    for (const Setting& setting : settings()) {
      const Texts texts = setting.slot.texts(asked_, setting.limits);
      if (setting.status == Status::kLater && texts != default_texts(setting)) {
        refuse_later(where(setting), texts);
      }
    }
  }

  std::vector<std::string> warnings() const {
    std::vector<std::string> idle;
    for (const Setting& setting : settings()) {
      if (setting.status == Status::kNoEffect && given(setting)) {
        idle.push_back(where(setting));
      }
    }
    if (idle.empty()) {
      return {};
    }
    return {fmt::format(
        "{}: without effect, batching is continuous", fmt::join(idle, ", "))};
  }

  ParsedConfig finish(Wish wish) && {
    return {
        .wish = wish,
        .config = asked_,
        .warnings = warnings(),
        .origins = std::move(origins_)};
  }

 private:
  bool given(const Setting& setting) const {
    return origins_.contains(setting.name);
  }
  std::string where(const Setting& setting) const {
    return origins_.find(setting.name)->second.where;
  }

  AskedConfig asked_{};
  std::map<std::string, Origin, std::less<>> origins_{};
};

[[noreturn]] void refuse_together(const std::string& complaint) {
  throw StartError(kExitConfig, complaint);
}

void check_together(const ServerConfig& config) {
  const NetworkSettings& network = config.network;
  if (network.tls_cert_file.empty() != network.tls_key_file.empty()) {
    refuse_together("--tls-cert and --tls-key need each other");
  }
  if (config.log.metrics_auth && network.api_key_file.empty()) {
    refuse_together("--metrics-auth needs --api-key-file");
  }
}

void check_to_serve(ParsedConfig& parsed, const StartInput& input) {
  if (parsed.config.model.path.empty()) {
    throw StartError(
        kExitUsage,
        "--model-path is missing: the folder of the MLX checkpoint to serve; "
        "--help tells more");
  }
  const NetworkSettings& network = parsed.config.network;
  for (const std::string& file : {network.api_key_file, network.tls_key_file}) {
    if (file.empty()) {
      continue;
    }
    std::string warning = check_secret_file(input.directory / file, file);
    if (!warning.empty()) {
      parsed.warnings.push_back(std::move(warning));
    }
  }
}

// The file that was asked for, or the default one where it exists.
std::vector<Given> read_file(
    const std::string& asked, const std::filesystem::path& directory) {
  if (!asked.empty()) {
    return read_config_file(directory / asked, asked);
  }
  std::error_code ignored; // then it is not there for us
  if (std::filesystem::exists(directory / kDefaultConfigFile, ignored)) {
    return read_config_file(directory / kDefaultConfigFile, kDefaultConfigFile);
  }
  return {};
}

ParsedConfig parse(const StartInput& input) {
  const Flags flags = read_flags(input.arguments);
  if (flags.wish == Wish::kHelp || flags.wish == Wish::kVersion) {
    return {.wish = flags.wish};
  }
  const Variables variables = read_variables(input.environment);
  const std::string& file =
      flags.config_file.empty() ? variables.config_file : flags.config_file;
  Merge merge;
  merge.take(read_file(file, input.directory));
  merge.take(variables.given);
  merge.take(flags.given);
  merge.refuse_later_features();
  ParsedConfig parsed = std::move(merge).finish(flags.wish);
  if (parsed.config.model.path.empty()) {
    parsed.config.model.path = input.builtin_model.string();
  }
  check_together(parsed.config);
  if (parsed.wish == Wish::kServe) {
    check_to_serve(parsed, input);
  }
  return parsed;
}

} // namespace

Result<ParsedConfig, StartError> parse_server_config(const StartInput& input) {
  try {
    return parse(input);
  } catch (const StartError& error) {
    return error;
  }
}

} // namespace parallm
