#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "http/address.h"

// Main thread, at the start.
namespace parallm::bench {

struct Options {
  http::Address server{};         // without the /v1 of its paths
  std::string model{};            // "": the first that the server names
  std::vector<int> concurrency{}; // ascending, each once
  int prompt_tokens = 0;
  int shared_tokens = 0; // at the start of all prompts
  int output_tokens = 0;
  int rounds = 0; // requests of each stream, one after the other
  uint32_t seed = 0;
  std::string json_file{}; // "": none
  std::string plot_file{};
};

// Nothing: help was asked for and printed. Throws StartError (usage).
std::optional<Options> parse_options(const std::vector<std::string>& arguments);

} // namespace parallm::bench
