#pragma once

#include "core/types.h"
#include "kernels/logprob/logprob.h"

namespace parallm {

// One of the N scores as a value. Waits for the device unless they have been
// evaluated. At most `alternatives` of the K likeliest are taken. Engine
// thread only.
TokenLogprobs read_score(const Scores& scores, int n, int alternatives);

// Adds the four arrays to those that a step evaluates.
void add_arrays(const Scores& scores, std::vector<mx::array>& arrays);

} // namespace parallm
