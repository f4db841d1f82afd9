#include <fmt/format.h>

#include <algorithm>

#include "api/routes.h"
#include "cli/cli.h"
#include "config/json_schema.h"

namespace parallm {

namespace {

constexpr auto kHelp =
    "Usage: parallm config [--fields | --schema | flags of serve]\n\n"
    "  --fields   every field of every endpoint, as JSON\n"
    "  --schema   JSON schema of parallm.toml\n"
    "Without either: the settings in force, as `parallm serve "
    "--print-config`.\n";

} // namespace

int run_config(const std::vector<std::string>& arguments) {
  const auto asks = [&](const char* flag) {
    return std::ranges::find(arguments, flag) != arguments.end();
  };
  if (asks("--help") || asks("-h")) {
    fmt::print("{}", kHelp);
    return 0;
  }
  if (asks("--fields") || asks("--schema")) {
    fmt::print(
        "{}\n", asks("--fields") ? field_table_json() : config_json_schema());
    return 0;
  }
  auto rest = arguments;
  rest.emplace_back("--print-config");
  return run_serve(rest);
}

} // namespace parallm
