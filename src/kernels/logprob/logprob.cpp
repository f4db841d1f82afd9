#include "kernels/logprob/logprob.h"

#include <algorithm>

#include "base/check.h"
#include "kernels/array_text.h"
#include "kernels/cpu_primitive.h"

namespace parallm {
namespace {

struct Destination {
  float* logprobs;
  int32_t* ranks;
  int32_t* top_ids;
  float* top_logprobs;
  int alternatives;
};

void score_all(
    const float* values,
    const int32_t* tokens,
    int vocab,
    const std::vector<int32_t>& rows,
    Destination to) {
  for_rows(static_cast<int>(rows.size()), [&](int n, KernelPool* pool) {
    const int32_t row = rows[static_cast<size_t>(n)];
    const int64_t top = int64_t{n} * to.alternatives;
    const TokenScore score = score_row(
        {.logits = values + int64_t{row} * vocab, .vocab = vocab, .pool = pool},
        tokens[row], to.alternatives, to.top_ids + top, to.top_logprobs + top);
    to.logprobs[n] = score.logprob;
    to.ranks[n] = score.rank;
  });
}

// inputs: values (M, V) and tokens (M); outputs as in Scores.
class ScoreTokens : public CpuPrimitive {
 public:
  ScoreTokens(mx::Stream stream, std::vector<int32_t> rows)
      : CpuPrimitive(stream, "ScoreTokens"), rows_(std::move(rows)) {}

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    std::for_each(out.begin(), out.end(), allocate);
    const Destination to{
        out[0].data<float>(), out[1].data<int32_t>(), out[2].data<int32_t>(),
        out[3].data<float>(), out[2].shape(1)};
    encoder(in, out).dispatch([values = RowMajor(in[0]),
                               tokens = RowMajor(in[1]), vocab = in[0].shape(1),
                               rows = rows_, to]() mutable {
      score_all(
          static_cast<const float*>(values.data()),
          static_cast<const int32_t*>(tokens.data()), vocab, rows, to);
    });
  }

 private:
  std::vector<int32_t> rows_;
};

void expect_fitting(
    const mx::array& values,
    const mx::array& tokens,
    const std::vector<int32_t>& rows,
    int alternatives) {
  PARALLM_CHECK(
      values.ndim() == 2 && values.dtype() == mx::float32 &&
          tokens.shape() == mx::Shape{values.shape(0)} &&
          tokens.dtype() == mx::int32 && alternatives > 0,
      "{} likeliest of {} for tokens {}, expected float32 (M, V) and int32 (M)",
      alternatives, array_text(values), array_text(tokens));
  for (const int32_t row : rows) {
    PARALLM_CHECK(
        row >= 0 && row < values.shape(0), "row {} of {}", row,
        values.shape(0));
  }
}

Scores score_on_cpu(
    const mx::array& values,
    const mx::array& tokens,
    std::vector<int32_t> rows,
    int alternatives) {
  expect_fitting(values, tokens, rows, alternatives);
  const int count = static_cast<int>(rows.size());
  auto out = mx::array::make_arrays(
      {{count}, {count}, {count, alternatives}, {count, alternatives}},
      {mx::float32, mx::int32, mx::int32, mx::float32},
      std::make_shared<ScoreTokens>(kernel_stream(), std::move(rows)),
      {values, tokens});
  return {out[0], out[1], out[2], out[3]};
}

} // namespace

Scores score(
    const mx::array& values,
    const mx::array& tokens,
    std::vector<int32_t> rows,
    int alternatives) {
  return on_cpu(kernel_stream())
             ? score_on_cpu(values, tokens, std::move(rows), alternatives)
             : score_reference(values, tokens, rows, alternatives);
}

} // namespace parallm
