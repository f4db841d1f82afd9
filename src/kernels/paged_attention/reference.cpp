#include "kernels/paged_attention/paged_attention.h"

namespace parallm {
namespace {

// Positions [0, end) of row r, gathered: (1, G, end, D) of type `dtype`.
mx::array gathered(
    const mx::array& pool, const PagedStep& step, int r, mx::Dtype dtype) {
  const int end = step.rows[r].end;
  const int blocks = (end + pool.shape(1) - 1) / pool.shape(1);
  const auto table = mx::reshape(
      mx::slice(step.tables, mx::Shape{r, 0}, mx::Shape{r + 1, blocks}),
      {blocks});
  const auto rows = mx::reshape(
      mx::take(pool, table, 0),
      {1, blocks * pool.shape(1), pool.shape(2), pool.shape(3)});
  const auto used = mx::slice(
      rows, mx::Shape{0, 0, 0, 0},
      mx::Shape{1, end, pool.shape(2), pool.shape(3)});
  return mx::astype(mx::transpose(used, {0, 2, 1, 3}), dtype);
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
    const auto mixed = mx::fast::scaled_dot_product_attention(
        mx::transpose(mx::reshape(queries, {1, n, heads, width}), {0, 2, 1, 3}),
        gathered(key_pool, step, r, q.dtype()),
        gathered(value_pool, step, r, q.dtype()), options.scale, "array",
        sees(row, options.window));
    outs.push_back(
        mx::reshape(mx::transpose(mixed, {0, 2, 1, 3}), {n, heads, width}));
  }
  return mx::concatenate(outs, 0);
}

} // namespace parallm
