#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/result.h"
#include "config/flags.h"
#include "config/variables.h"

// Main thread, at the start.
namespace parallm {

// Where a setting's value comes from.
struct Origin {
  Source source = Source::kDefault;
  std::string where{}; // as in Given
};

struct ParsedConfig {
  Wish wish = Wish::kServe;
  ServerConfig config{};
  std::vector<std::string> warnings{}; // to be logged at start
  // By the setting's name; those not in it have their default.
  std::map<std::string, Origin, std::less<>> origins{};
};

struct StartInput {
  std::vector<std::string> arguments{}; // without program and subcommand
  Environment environment{};
  std::filesystem::path directory{"."};  // where relative paths begin
  std::filesystem::path builtin_model{}; // for who asks for none; empty: none
};

// Flag before variable before file before default. A function of its input
// and of the files that it names. The error has the exit code. With kHelp or
// kVersion nothing else is looked at; kPrintConfig needs no model. Where no
// model is asked for, it is the built-in one, without an origin.
Result<ParsedConfig, StartError> parse_server_config(const StartInput& input);

} // namespace parallm
