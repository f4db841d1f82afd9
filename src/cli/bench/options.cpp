#include "cli/bench/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <random>

#include "base/check.h"
#include "cli/bench/output_file.h"

namespace parallm::bench {

namespace {

constexpr auto kPurpose =
    "Measures a running server as its clients see it: streamed completions, by "
    "how many\n"
    "there are at a time. Any server with the completions of the OpenAI API "
    "will do, over\n"
    "plain http (no https, no keys). Leave the machine alone meanwhile.\n";

constexpr auto kFigures =
    "Figures, for each number of streams:\n"
    "  output       tokens of all answers over the whole time\n"
    "  decode       tokens over time while all streams of the first round "
    "decoded: after\n"
    "               the last first token, before the first end\n"
    "  prefill      prompt tokens of the first round until its last first "
    "token\n"
    "  first token  from sending a request to the first piece of text\n"
    "  inter-token  from one piece of text to the next as they came; of a "
    "server that\n"
    "               sends several tokens at once there are fewer and longer "
    "ones\n"
    "Prompts are random words. A first request, which is not counted, warms "
    "the server up\n"
    "and tells how many words make so many tokens. Answers have their full "
    "length\n"
    "(ignore_eos). Progress goes to standard error, the table to standard "
    "output.\n"
    "Exit code 64: a wrong flag; 69: no server, or it failed a request; 77: a "
    "file cannot\n"
    "be written.\n\n"
    "Example:\n"
    "  parallm bench --concurrency 1,8,32 --json curve.json --plot "
    "curve.svg\n";

// Of a point, whose answers are kept until its end: of 128 tokens, half a GB.
constexpr int kMostRequests = 16384;

// As CLI11 fills them in, with what holds where no flag says otherwise.
struct Flags {
  std::string url = "http://127.0.0.1:8000";
  Options options = {
      .concurrency = {1, 2, 4, 8, 16, 32},
      .prompt_tokens = 128,
      .output_tokens = 128,
      .rounds = 1,
      .seed = std::random_device()()};
};

CLI::Option* add_count(
    CLI::App& app, const char* name, int& count, const std::string& meaning) {
  return app.add_option(name, count, meaning)
      ->check(CLI::Range(1, 100000))
      ->option_text(fmt::format("N ({})", count));
}

void add_load_options(CLI::App& app, Options& options) {
  app.add_option(
         "--concurrency", options.concurrency,
         "numbers of streams at a time, each a point of the curve")
      ->delimiter(',')
      ->check(CLI::Range(1, 4096))
      ->option_text(
          fmt::format("N,… ({})", fmt::join(options.concurrency, ",")));
  add_count(
      app, "--prompt-tokens", options.prompt_tokens, "of each request, about");
  add_count(app, "--output-tokens", options.output_tokens, "of each request");
  add_count(
      app, "--rounds", options.rounds,
      fmt::format(
          "requests of each stream, one after the other; at most {} of all",
          kMostRequests));
  app.add_option(
         "--shared-tokens", options.shared_tokens,
         "the first of each prompt, the same in all, for a cache of prefixes")
      ->check(CLI::Range(0, 100000))
      ->option_text("N (0)");
  app.add_option(
         "--seed", options.seed,
         "of the prompts (another each time, so that no cache knows them)")
      ->option_text("N");
}

void add_options(CLI::App& app, Flags& flags) {
  app.add_option("--url", flags.url, "of the server")
      ->option_text(fmt::format("http://HOST:PORT ({})", flags.url));
  app.add_option(
         "--model", flags.options.model,
         "as requests name it (the first of /v1/models)")
      ->option_text("NAME");
  add_load_options(app, flags.options);
  app.add_option("--json", flags.options.json_file, "the figures")
      ->option_text("FILE");
  app.add_option("--plot", flags.options.plot_file, "the curves, as SVG")
      ->option_text("FILE");
}

http::Address server_at(const std::string& url) {
  http::Address address = http::parse_address(url);
  if (address.path.ends_with("/v1")) { // as clients of the API are told it
    address.path.erase(address.path.size() - 3);
  }
  return address;
}

[[noreturn]] void refuse(const std::string& what) {
  throw StartError(kExitUsage, what);
}

// options.concurrency: ascending
void expect_consistent(const Options& options) {
  if (options.shared_tokens >= options.prompt_tokens) {
    refuse(fmt::format(
        "--shared-tokens {}: expected fewer than --prompt-tokens {}",
        options.shared_tokens, options.prompt_tokens));
  }
  const int most_rounds = kMostRequests / options.concurrency.back();
  if (options.rounds > most_rounds) {
    refuse(fmt::format(
        "--rounds {}: expected 1 to {} with --concurrency {}", options.rounds,
        most_rounds, options.concurrency.back()));
  }
  if (is_same_file(options.json_file, options.plot_file)) {
    refuse(fmt::format(
        "--plot {}: expected another file than that of --json",
        options.plot_file));
  }
}

Options checked(Flags flags) {
  Options options = std::move(flags.options);
  options.server = server_at(flags.url);
  std::ranges::sort(options.concurrency);
  const auto twice = std::ranges::unique(options.concurrency);
  options.concurrency.erase(twice.begin(), twice.end());
  expect_consistent(options);
  return options;
}

} // namespace

std::optional<Options> parse_options(
    const std::vector<std::string>& arguments) {
  Flags flags;
  CLI::App app(kPurpose, "parallm bench");
  app.footer(kFigures);
  add_options(app, flags);
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    throw StartError(kExitUsage, error.what());
  }
  return checked(std::move(flags));
}

} // namespace parallm::bench
