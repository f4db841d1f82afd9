#pragma once

#include <cstddef>

#include "kernels/expert_choice/choice_rule.h"

// The arithmetic of `choose_experts` on plain memory. No MLX here.
// Plain values and functions without state: any thread.
namespace parallm {

struct ChoiceRows {
  ChoiceRule rule{};
  int experts = 0;                   // X
  int per_token = 0;                 // k, at most X
  const float* gates = nullptr;      // (T, X)
  const float* correction = nullptr; // (X), or null
  int32_t* ids = nullptr;            // (T, k), each in [0, X)
  float* shares = nullptr;           // (T, k)
};

// Tokens [first, end).
void choose_rows(const ChoiceRows& rows, size_t first, size_t end);

} // namespace parallm
