#include "kernels/logprob/logprob_row.h"

#include <cmath>

#include "kernels/sample/sample_order.h"

namespace parallm {
namespace {

// Added up in the order of ids, whatever the row's neighbours.
double log_total(const float* values, int vocab, float largest) {
  double total = 0;
  for (int id = 0; id < vocab; ++id) {
    total += std::exp(values[id] - largest);
  }
  return std::log(total);
}

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

int32_t rank_of(const float* values, int vocab, int32_t token) {
  const float value = values[token];
  int32_t before = 0;
  for (int id = 0; id < token; ++id) {
    before += values[id] >= value;
  }
  for (int id = token + 1; id < vocab; ++id) {
    before += values[id] > value;
  }
  return before + 1;
}

} // namespace

TokenScore score_row(
    const float* values,
    int vocab,
    int32_t token,
    int alternatives,
    int32_t* top_ids,
    float* top_logprobs) {
  const float largest = extent_of(values, vocab).largest;
  const LogSoftmax logprob{largest, log_total(values, vocab, largest)};
  if (alternatives > 0) {
    const auto first = first_in_order(values, vocab, alternatives);
    for (int i = 0; i < alternatives; ++i) {
      const bool there = static_cast<size_t>(i) < first.size();
      top_ids[i] = there ? id_of(first[static_cast<size_t>(i)]) : -1;
      top_logprobs[i] = there ? logprob(values[top_ids[i]]) : 0;
    }
  }
  return {logprob(values[token]), rank_of(values, vocab, token)};
}

} // namespace parallm
