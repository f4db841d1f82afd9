#pragma once

#include <optional>
#include <string>
#include <vector>

#include "http/load_client.h"

// One streamed answer of /v1/completions, read once all of it is here. Plain
// values and functions: any thread.
namespace parallm::bench {

struct TokenUsage {
  int prompt_tokens = 0;
  int output_tokens = 0;
};

struct CompletionStream {
  double sent_s = 0;                   // of the steady clock
  std::vector<double> piece_times_s{}; // of pieces with text, ascending
  std::optional<TokenUsage> usage{};   // as the server counts
  std::string error{};                 // "": whole, and it has text

  int prompt_tokens() const { return usage ? usage->prompt_tokens : 0; }
  // A server that does not count is thought to send a token a piece.
  int output_tokens() const {
    return usage ? usage->output_tokens : int(piece_times_s.size());
  }
};

CompletionStream read_stream(const http::Answer& answer);

} // namespace parallm::bench
