#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/bench/completion_stream.h"

// Plain values and functions: any thread.
namespace parallm::bench {

// Percentiles, linear between two neighbours.
struct Spread {
  double p50 = 0;
  double p99 = 0;
};

// A point of the curve: what streamed completions say about their server. No
// value: too little was seen to tell.
struct LoadPoint {
  int concurrency = 0;
  int requests = 0;
  int errors = 0;
  std::string first_error{};
  int short_answers = 0; // of fewer tokens than were asked for
  double wall_s = 0;
  int prompt_tokens = 0;
  int output_tokens = 0;
  int pieces = 0; // with text; fewer than tokens: some held several, or none
  double output_tok_s = 0; // over the whole time
  // While all streams of the first round decoded: after the last first token,
  // before the first end. Neither this nor the next if one of them failed: the
  // others had the server to themselves, or with requests of later rounds.
  std::optional<double> decode_tok_s{};
  // Prompts of the first round over the time until its last first token.
  std::optional<double> prefill_tok_s{};
  std::optional<Spread> ttft_ms{};
  std::optional<Spread> itl_ms{}; // between neighbouring pieces of a stream
};

// What was asked of the server, and when.
struct Load {
  int concurrency = 0;
  int output_tokens = 0; // of each request
  double start_s = 0;    // of the steady clock
  double end_s = 0;
};

// `streams` in the order of their requests: the first `concurrency` of them
// are the first round.
LoadPoint summary(
    const Load& load, const std::vector<CompletionStream>& streams);

} // namespace parallm::bench
