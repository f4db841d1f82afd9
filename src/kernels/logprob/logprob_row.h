#pragma once

#include <cstdint>

#include "kernels/sample/logit_row.h"

// What a distribution says about one token. Plain numbers. No MLX here; any
// thread.
namespace parallm {

inline constexpr float kImpossibleLogprob = -9999.0f; // stands for -infinity

struct TokenScore {
  float logprob = 0;
  int32_t rank = 0; // 1 is the likeliest, ties by lower id
};

// log_softmax of `values` at `token`, not a number if a value is not. The
// `alternatives` likeliest go to top_ids and top_logprobs, ties by lower id;
// if there are fewer, id -1 fills up.
TokenScore score_row(
    const LogitRow& values,
    int32_t token,
    int alternatives,
    int32_t* top_ids,
    float* top_logprobs);

} // namespace parallm
