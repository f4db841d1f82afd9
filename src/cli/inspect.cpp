#include <fmt/format.h>

#include <utility>

#include "base/version.h"
#include "cli/cli.h"
#include "cli/start.h"
#include "runtime/model_text.h"
#include "runtime/report.h"

namespace parallm {

namespace {

constexpr auto kHelp =
    "Usage: parallm inspect [PATH] [flags of serve]\n\n"
    "What a checkpoint folder is made of, what of it fits this machine, and\n"
    "what is left out, and why; without PATH: the built-in model. No weight "
    "is\n"
    "read. What serve refuses ends this with the same exit code.\n";

// What can be told is told before what serve would refuse.
void tell(const ServerConfig& config) {
  const Machine machine = this_machine();
  const RunnerOptions options = runner_options(config, machine);
  static_cast<void>(
      server_options(config, machine)); // throws if there is no key file
  auto checkpoint = read_checkpoint(options);
  fmt::print("{}", aligned(model_report(config, checkpoint)));
  checkpoint = with_plan(std::move(checkpoint), options);
  fmt::print("{}", aligned(plan_report(config, checkpoint)));
  const auto tokenizer = load_tokenizer(config.model.path);
  const auto chat_template = load_template(config.model, *tokenizer);
  fmt::print(
      "{}", aligned(text_report(
                config, checkpoint, *tokenizer, chat_template.get())));
}

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
  tell(parsed.config);
  return 0;
}

} // namespace parallm
