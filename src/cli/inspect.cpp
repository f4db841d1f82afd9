#include <fmt/format.h>

#include "cli/cli.h"
#include "cli/start.h"
#include "runtime/resolve.h"

namespace parallm {

namespace {

constexpr auto kHelp =
    "Usage: parallm inspect PATH [flags of serve]\n\n"
    "What a checkpoint folder holds and what of it fits this machine. No "
    "weight is read.\n";

} // namespace

int run_inspect(const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h") {
    fmt::print("{}", kHelp);
    return arguments.empty() ? kExitUsage : 0;
  }
  auto rest = arguments;
  if (!rest[0].starts_with("--")) {
    rest.insert(rest.begin(), "--model-path");
  }
  const ParsedConfig parsed = parsed_config(rest);
  fmt::print(
      "{}",
      resolved_text(
          parsed.config,
          inspect_checkpoint(runner_options(parsed.config, this_machine())),
          this_machine()));
  return 0;
}

} // namespace parallm
