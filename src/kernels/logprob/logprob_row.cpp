#include "kernels/logprob/logprob_row.h"

#include <cmath>
#include <numeric>

#include "kernels/sample/sample_order.h"

namespace parallm {
namespace {

struct LogSoftmax {
  float largest;
  double log_total;

  float operator()(float value) const {
    const auto logprob =
        static_cast<float>(double{value} - double{largest} - log_total);
    return logprob == -std::numeric_limits<float>::infinity()
               ? kImpossibleLogprob
               : logprob;
  }
};

int32_t rank_of(const LogitRow& values, int32_t token) {
  const auto before = values.of_parts([&](const RowPart& part) {
    return tokens_before(part, values.logits[token], token);
  });
  return 1 + std::accumulate(before.begin(), before.end(), 0);
}

} // namespace

TokenScore score_row(
    const LogitRow& values,
    int32_t token,
    int alternatives,
    int32_t* top_ids,
    float* top_logprobs) {
  const RowExtent extent = extent_of(values);
  const LogSoftmax logprob{
      extent.largest, std::log(total_weight(values, extent))};
  if (alternatives > 0) {
    const auto first = first_in_order(values, extent, alternatives);
    for (int i = 0; i < alternatives; ++i) {
      const bool there = static_cast<size_t>(i) < first.size();
      top_ids[i] = there ? id_of(first[static_cast<size_t>(i)]) : -1;
      top_logprobs[i] = there ? logprob(values.logits[top_ids[i]]) : 0;
    }
  }
  return {logprob(values.logits[token]), rank_of(values, token)};
}

} // namespace parallm
