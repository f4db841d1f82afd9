#include <fmt/format.h>

#include "base/version.h"
#include "cli/cli.h"
#include "cli/start.h"
#include "runtime/resolve.h"

namespace parallm {

namespace {

constexpr auto kHelp =
    "Usage: parallm inspect [PATH] [flags of serve]\n\n"
    "Architecture and parameters of a checkpoint folder, and what of it fits\n"
    "this machine; without PATH: the built-in model. No weight is read.\n";

} // namespace

int run_inspect(const std::vector<std::string>& arguments) {
  auto rest = arguments;
  if (!rest.empty() && !rest[0].starts_with("-")) {
    rest.insert(rest.begin(), "--model-path");
  }
  const ParsedConfig parsed = parsed_config(rest);
  if (parsed.wish == Wish::kHelp) {
    fmt::print("{}", kHelp);
    return 0;
  }
  if (parsed.wish == Wish::kVersion) {
    fmt::print("parallm {}\n", kVersion);
    return 0;
  }
  fmt::print(
      "{}",
      resolved_text(
          parsed.config,
          inspect_checkpoint(runner_options(parsed.config, this_machine())),
          this_machine()));
  return 0;
}

} // namespace parallm
