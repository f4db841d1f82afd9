#pragma once

#include <optional>

// Plain values and functions without state: any thread.
namespace parallm {

// What generation_config.json wants where a request says nothing.
struct CheckpointSampling {
  std::optional<float> temperature{}; // 0 where do_sample is false
  std::optional<float> top_p{};
  std::optional<int> top_k{}; // 0: off
  std::optional<float> min_p{};
  std::optional<float> repetition_penalty{};
};

} // namespace parallm
