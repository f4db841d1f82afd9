#include "cli/cli.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "base/bus_error.h"
#include "base/check.h"
#include "base/version.h"
#include "config/suggest.h"

namespace parallm {

namespace {

constexpr Subcommand kSubcommands[] = {
    {"serve", "serve a model over HTTP", run_serve},
    {"config", "print the request fields or the schema of the file",
     run_config},
    {"inspect", "architecture, parameters and memory plan of a checkpoint",
     run_inspect},
    {"doctor", "what this machine can do, and whether the kernels are right",
     run_doctor},
    {"tokenize", "ids of a text, and the text of ids", run_tokenize},
    {"bench", "how quick a server is, by concurrency", run_bench},
};

void print_help() {
  fmt::print(
      "parallm {}: generates text in parallel for MLX models\n\n"
      "Usage: parallm SUBCOMMAND [flags]\n\n",
      kVersion);
  for (const Subcommand& subcommand : kSubcommands) {
    fmt::print("  {:<10} {}\n", subcommand.name, subcommand.purpose);
  }
  fmt::print("\nparallm SUBCOMMAND --help tells more.\n");
}

// stderr does not wait for what stdout still holds.
int complain(int exit_code, const std::string& message) {
  std::fflush(stdout);
  fmt::print(stderr, "parallm: {}\n", message);
  return exit_code;
}

int complain_of_unknown(const std::string& name) {
  std::vector<std::string> names;
  for (const Subcommand& subcommand : kSubcommands) {
    names.emplace_back(subcommand.name);
  }
  const std::string guess = did_you_mean(name, names);
  return complain(
      kExitUsage, fmt::format(
                      "no subcommand `{}`{}", name,
                      guess.empty() ? "; parallm --help lists them" : guess));
}

int run_subcommand(
    const std::string& name, const std::vector<std::string>& arguments) {
  const auto* found = std::ranges::find_if(
      kSubcommands, [&](const Subcommand& s) { return s.name == name; });
  return found == std::end(kSubcommands) ? complain_of_unknown(name)
                                         : found->run(arguments);
}

bool asks_for_help(const std::string& argument) {
  return argument == "--help" || argument == "-h" || argument == "help";
}

int dispatch(const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    print_help();
    return kExitUsage;
  }
  const std::string& first = arguments[0];
  if (first == "help" && arguments.size() > 1 && !asks_for_help(arguments[1])) {
    return run_subcommand(arguments[1], {"--help"});
  }
  if (asks_for_help(first)) {
    print_help();
    return 0;
  }
  if (first == "--version") {
    fmt::print("parallm {}\n", kVersion);
    return 0;
  }
  return run_subcommand(first, {arguments.begin() + 1, arguments.end()});
}

} // namespace

int run_cli(const std::vector<std::string>& arguments) {
  explain_bus_errors();
  try {
    return dispatch(arguments);
  } catch (const StartError& error) {
    return complain(error.exit_code, error.what());
  } catch (const std::exception& error) {
    return complain(kExitInternal, error.what());
  }
}

} // namespace parallm
