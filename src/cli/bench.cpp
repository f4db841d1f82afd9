#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "api/json_writer.h"
#include "base/check.h"
#include "cli/bench/first_model.h"
#include "cli/bench/json.h"
#include "cli/bench/load_point.h"
#include "cli/bench/options.h"
#include "cli/bench/output_file.h"
#include "cli/bench/plot.h"
#include "cli/bench/prompts.h"
#include "cli/bench/refusal.h"
#include "cli/bench/table.h"
#include "cli/cli.h"
#include "http/load_client.h"

namespace parallm {

namespace {

using namespace bench;

constexpr auto kCompletions = "/v1/completions";

std::string body_of(const Options& options, const std::string& prompt) {
  std::string out;
  JsonWriter writer(out);
  writer.object().key("model").text(options.model);
  writer.key("prompt").text(prompt);
  writer.key("max_tokens").integer(options.output_tokens);
  writer.key("temperature").integer(0).key("ignore_eos").boolean(true);
  writer.key("stream").boolean(true).key("stream_options");
  writer.object().key("include_usage").boolean(true).end_object();
  writer.end_object();
  return out;
}

// Sends a first request. -> words that make a prompt of the wanted tokens
int words_after_warm_up(const Options& options, Prompts& prompts) {
  const std::string prompt = prompts.next(options.prompt_tokens);
  const http::Answer answer =
      http::post_all_and_wait(
          options.server, kCompletions, {body_of(options, prompt)}, 1)
          .front();
  expect_success(options.server, kCompletions, answer);
  const CompletionStream stream = read_stream(answer);
  if (!stream.error.empty()) {
    throw StartError(
        kExitUnavailable,
        fmt::format("{}: {}", options.server.url(), stream.error));
  }
  const int tokens = stream.prompt_tokens();
  const double wanted = options.prompt_tokens;
  const double words = tokens == 0 ? wanted : wanted * wanted / tokens;
  return int(std::lround(std::clamp(words, 1.0, 10 * wanted)));
}

std::vector<CompletionStream> read_streams(
    const std::vector<http::Answer>& answers) {
  std::vector<CompletionStream> streams;
  streams.reserve(answers.size());
  for (const http::Answer& answer : answers) {
    streams.push_back(read_stream(answer));
  }
  return streams;
}

LoadPoint measured(
    const Options& options,
    int concurrency,
    const std::vector<std::string>& bodies) {
  Load load{
      .concurrency = concurrency,
      .output_tokens = options.output_tokens,
      .start_s = http::steady_s()};
  const auto answers = http::post_all_and_wait(
      options.server, kCompletions, bodies, concurrency);
  load.end_s = http::steady_s();
  return summary(load, read_streams(answers));
}

std::string counted(int count, const char* noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

void tell(const LoadPoint& point) {
  fmt::print(stderr, "{:.1f} s\n", point.wall_s);
  if (point.errors > 0) {
    fmt::print(
        stderr, "  {} of {} failed, the first: {}\n", point.errors,
        counted(point.requests, "request"), point.first_error);
  }
  if (point.short_answers > 0) {
    fmt::print(
        stderr, "  {} ended early: does the server know ignore_eos?\n",
        counted(point.short_answers, "answer"));
  }
}

std::vector<LoadPoint> curve(const Options& options) {
  Prompts prompts(options.seed);
  const int words = words_after_warm_up(options, prompts);
  const int shared_words =
      int(int64_t{words} * options.shared_tokens / options.prompt_tokens);
  const std::string start = prompts.next(shared_words);
  std::vector<LoadPoint> points;
  for (const int concurrency : options.concurrency) {
    std::vector<std::string> bodies;
    for (int i = 0; i < concurrency * options.rounds; ++i) {
      const std::string rest = prompts.next(words - shared_words);
      bodies.push_back(
          body_of(options, start.empty() ? rest : start + " " + rest));
    }
    fmt::print(
        stderr, "{}, {}: ", counted(concurrency, "stream"),
        counted(int(bodies.size()), "request"));
    points.push_back(measured(options, concurrency, bodies));
    tell(points.back());
  }
  return points;
}

int run_load(Options options) {
  if (options.model.empty()) {
    options.model = wait_for_first_model(options.server);
  }
  OutputFile json_file(options.json_file);
  OutputFile plot_file(options.plot_file);
  const auto points = curve(options);
  fmt::print("{}", table_of(points));
  json_file.write(json_of(options, points));
  plot_file.write(plot_of(points, options.model));
  const auto failed = [](const LoadPoint& point) { return point.errors > 0; };
  return std::ranges::any_of(points, failed) ? kExitUnavailable : 0;
}

} // namespace

int run_bench(const std::vector<std::string>& arguments) {
  auto options = bench::parse_options(arguments);
  return options ? run_load(std::move(*options)) : 0;
}

} // namespace parallm
