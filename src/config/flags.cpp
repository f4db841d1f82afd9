#include "config/flags.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/check.h"
#include "config/suggest.h"

namespace parallm {

namespace {

[[noreturn]] void refuse(const std::string& complaint) {
  throw StartError(kExitUsage, complaint);
}

std::string spelled(const Setting& setting) {
  return setting.ancestor_name.empty() ? flag_name(setting.name)
                                       : fmt::format(
                                             "{},{}", flag_name(setting.name),
                                             flag_name(setting.ancestor_name));
}

// CLI11 takes `--data-dir=` for a flag without a value.
std::vector<std::string> with_empty_values(
    const std::vector<std::string>& arguments) {
  std::vector<std::string> result;
  for (const std::string& argument : arguments) {
    if (argument.size() > 3 && argument.starts_with("--") &&
        argument.find('=') == argument.size() - 1) {
      result.push_back(argument.substr(0, argument.size() - 1));
      result.emplace_back();
    } else {
      result.push_back(argument);
    }
  }
  return result;
}

std::vector<std::string> known_flags() {
  std::vector<std::string> names{
      "--config", "--print-config", "--help", "--version"};
  for (const Setting& setting : settings()) {
    names.push_back(flag_name(setting.name));
  }
  return names;
}

// Hides CLI11: flags go in, texts come out.
class Parser {
 public:
  Parser() {
    app_.set_help_flag();
    app_.allow_extras();
    help_ = app_.add_flag("--help,-h");
    version_ = app_.add_flag("--version");
    print_ = app_.add_flag("--print-config");
    config_ = add("--config");
    for (const Setting& setting : settings()) {
      options_.push_back(add(spelled(setting)));
      if (setting.slot.kind == Kind::kSwitch) {
        options_.back()->expected(0, 1);
      }
    }
  }

  Flags parse(const std::vector<std::string>& arguments) {
    run(with_empty_values(arguments));
    Flags flags{.wish = wish()};
    if (flags.wish == Wish::kHelp || flags.wish == Wish::kVersion) {
      return flags;
    }
    refuse_strays();
    if (config_->count() > 0) {
      flags.config_file = once(*config_, "--config");
    }
    for (size_t i = 0; i < options_.size(); ++i) {
      if (options_[i]->count() > 0) {
        flags.given.push_back(given(settings()[i], *options_[i]));
      }
    }
    return flags;
  }

 private:
  CLI::Option* add(const std::string& name) {
    auto* option = app_.add_option(
        name, CLI::callback_t([](const auto&) { return true; }));
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    option->expected(1)->type_size(1)->allow_extra_args(false);
    return option;
  }

  void run(std::vector<std::string> arguments) {
    const std::string last = arguments.empty() ? "" : arguments.back();
    std::reverse(arguments.begin(), arguments.end()); // as CLI11 wants them
    try {
      app_.parse(std::move(arguments));
    } catch (const CLI::ArgumentMismatch&) {
      refuse(fmt::format("{}: expected a value", last));
    } catch (const CLI::ParseError& error) {
      refuse(error.what());
    }
  }

  Wish wish() const {
    if (help_->count() > 0) {
      return Wish::kHelp;
    }
    if (version_->count() > 0) {
      return Wish::kVersion;
    }
    return print_->count() > 0 ? Wish::kPrintConfig : Wish::kServe;
  }

  void refuse_strays() const {
    for (const std::string& stray : app_.remaining()) {
      if (stray.starts_with('-')) {
        const std::string name = stray.substr(0, stray.find('='));
        refuse(fmt::format(
            "unknown flag {}{}", name, did_you_mean(name, known_flags())));
      }
    }
    if (app_.remaining_size() > 0) {
      refuse(fmt::format(
          "unexpected argument \"{}\"; a value follows its flag",
          app_.remaining().front()));
    }
  }

  static std::string once(const CLI::Option& option, const std::string& where) {
    if (option.results().size() > 1) {
      refuse(fmt::format("{}: given more than once", where));
    }
    return option.results().front();
  }

  static Given given(const Setting& setting, const CLI::Option& option) {
    Given result{
        .setting = &setting,
        .texts = option.results(),
        .source = Source::kFlag,
        .where = flag_name(setting.name)};
    if (setting.slot.kind != Kind::kList) {
      result.texts = {once(option, result.where)};
    }
    return result;
  }

  CLI::App app_;
  CLI::Option* help_ = nullptr;
  CLI::Option* version_ = nullptr;
  CLI::Option* print_ = nullptr;
  CLI::Option* config_ = nullptr;
  std::vector<CLI::Option*> options_{}; // one for each of settings()
};

} // namespace

Flags read_flags(const std::vector<std::string>& arguments) {
  return Parser().parse(arguments);
}

} // namespace parallm
