#include "sampling/token_scores.h"

#include <algorithm>

namespace parallm {

TokenLogprobs read_score(const Scores& scores, int n, int alternatives) {
  const int width = scores.top_ids.shape(1);
  const int32_t* ids = scores.top_ids.data<int32_t>() + n * width;
  const float* logprobs = scores.top_logprobs.data<float>() + n * width;
  TokenLogprobs result{
      scores.logprobs.data<float>()[n], scores.ranks.data<int32_t>()[n], {}};
  for (int i = 0; i < std::min(alternatives, width) && ids[i] >= 0; ++i) {
    result.top.push_back({ids[i], logprobs[i]});
  }
  return result;
}

void add_arrays(const Scores& scores, std::vector<mx::array>& arrays) {
  arrays.insert(
      arrays.end(),
      {scores.logprobs, scores.ranks, scores.top_ids, scores.top_logprobs});
}

} // namespace parallm
