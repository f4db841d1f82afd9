#include <cmath>

#include "kernels/kv_write/stored_rows.h"
#include "kernels/paged_attention/paged_attention.h"

namespace parallm {
namespace {

// Positions [0, end) of row r, gathered: (1, G, end, D) of type `dtype`.
mx::array gathered(
    const mx::array& pool, const PagedStep& step, int r, mx::Dtype dtype) {
  const int end = step.rows[r].end, block_tokens = pool.shape(2);
  const int blocks = (end + block_tokens - 1) / block_tokens;
  const auto table = mx::reshape(
      mx::slice(step.tables, mx::Shape{r, 0}, mx::Shape{r + 1, blocks}),
      {blocks});
  const int heads = pool.shape(1), width = stored_width(pool);
  const auto rows = mx::reshape(
      mx::transpose(from_stored(mx::take(pool, table, 0)), {1, 0, 2, 3}),
      {1, heads, blocks * block_tokens, width});
  const auto used =
      mx::slice(rows, mx::Shape{0, 0, 0, 0}, mx::Shape{1, heads, end, width});
  return mx::astype(used, dtype);
}

// (n, end): whether the i-th token of the row sees position j.
mx::array sees(const PagedStep::Row& row, int window) {
  const auto at = mx::reshape(mx::arange(row.begin, row.end), {-1, 1});
  const auto key = mx::reshape(mx::arange(0, row.end), {1, -1});
  const auto past = mx::less_equal(key, at);
  return window > 0
             ? mx::logical_and(past, mx::greater(key, at - mx::array(window)))
             : past;
}

mx::array first_numbers(const mx::array& x, int count) {
  auto end = x.shape();
  end.back() = count;
  return mx::slice(x, mx::Shape(x.ndim(), 0), end);
}

// One row of the step: q (1, H, n, D), k (1, G, end, D), v (1, G, end, Dv) and
// the mask (n, end) -> (1, H, n, Dv).
struct RowArrays {
  mx::array q;
  mx::array k;
  mx::array v;
  mx::array sees;
};

// Scores, capped, with a column of sinks at the end if there are any.
mx::array capped_scores(
    const RowArrays& row, const PagedAttentionOptions& options) {
  const auto cap = mx::array(options.softcap);
  const auto scaled =
      mx::matmul(row.q * mx::array(options.scale), mx::swapaxes(row.k, -1, -2));
  const auto scores =
      mx::where(row.sees, cap * mx::tanh(scaled / cap), mx::array(-INFINITY));
  if (!options.sinks) {
    return scores;
  }
  const int heads = row.q.shape(1), n = row.q.shape(2);
  const auto sinks =
      mx::reshape(mx::astype(*options.sinks, mx::float32), {1, heads, 1, 1});
  return mx::concatenate(
      {scores, mx::broadcast_to(sinks, {1, heads, n, 1})}, -1);
}

// In float32, written out, as scaled_dot_product_attention knows no cap.
mx::array attend_capped(
    const RowArrays& row, const PagedAttentionOptions& options) {
  const auto wide = [&](const mx::array& x) {
    return mx::repeat(
        mx::astype(x, mx::float32), row.q.shape(1) / x.shape(1), 1);
  };
  const RowArrays each{wide(row.q), wide(row.k), wide(row.v), row.sees};
  const auto weights =
      mx::softmax(capped_scores(each, options), -1, /* precise */ true);
  const auto mixed =
      mx::matmul(first_numbers(weights, each.k.shape(2)), each.v);
  return mx::astype(mixed, row.q.dtype());
}

mx::array attend_row(
    const RowArrays& row, const PagedAttentionOptions& options) {
  if (options.softcap > 0) {
    return attend_capped(row, options);
  }
  const auto sinks =
      options.sinks ? std::optional(mx::astype(*options.sinks, row.q.dtype()))
                    : std::nullopt;
  return mx::fast::scaled_dot_product_attention(
      row.q, row.k, row.v, options.scale, "array", row.sees, sinks);
}

} // namespace

mx::array paged_attention_reference(
    const mx::array& q,
    const mx::array& key_pool,
    const mx::array& value_pool,
    const PagedStep& step,
    const PagedAttentionOptions& options) {
  const int heads = q.shape(1), width = q.shape(2);
  std::vector<mx::array> outs;
  for (int r = 0; r < static_cast<int>(step.rows.size()); ++r) {
    const auto& row = step.rows[r];
    const int n = row.end - row.begin;
    const auto queries = mx::slice(
        q, mx::Shape{row.first_token, 0, 0},
        mx::Shape{row.first_token + n, heads, width});
    const auto keys = gathered(key_pool, step, r, q.dtype());
    const auto values = options.values_in_keys > 0
                            ? first_numbers(keys, options.values_in_keys)
                            : gathered(value_pool, step, r, q.dtype());
    const auto mixed = attend_row(
        {mx::transpose(
             mx::reshape(queries, {1, n, heads, width}), {0, 2, 1, 3}),
         keys, values, sees(row, options.window)},
        options);
    outs.push_back(mx::reshape(
        mx::transpose(mixed, {0, 2, 1, 3}), {n, heads, values.shape(3)}));
  }
  return mx::concatenate(outs, 0);
}

} // namespace parallm
