#include "kernels/paged_attention/paged_attention.h"

#include "base/check.h"
#include "kernels/array_text.h"
#include "kernels/cpu_primitive.h"
#include "kernels/float_type.h"
#include "kernels/kv_write/stored_rows.h"
#include "kernels/paged_attention/attend.h"

namespace parallm {
namespace {

int value_width(
    const mx::array& value_pool, const PagedAttentionOptions& options) {
  return options.values_in_keys > 0 ? options.values_in_keys
                                    : stored_width(value_pool);
}

PoolRows rows_of(const mx::array& pool, int width) {
  return {pool.data<char>(), width, pool.shape(3) * pool.itemsize()};
}

std::vector<AttendRow> rows_of(const PagedStep& step) {
  std::vector<AttendRow> rows;
  for (const auto& row : step.rows) {
    rows.push_back({row.first_token, row.begin, row.end});
  }
  return rows;
}

// inputs: q, key pool, value pool, tables and, if there are any, sinks
class PagedAttentionCpu : public CpuPrimitive {
 public:
  PagedAttentionCpu(
      mx::Stream stream,
      std::vector<AttendRow> rows,
      const PagedAttentionOptions& options)
      : CpuPrimitive(stream, "parallm::PagedAttention"),
        rows_(std::move(rows)),
        options_(options) {
    options_.sinks.reset(); // an input, which lives as long as it is needed
  }

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    allocate(out[0]);
    std::optional<RowMajor> sinks;
    if (in.size() > 4) {
      sinks.emplace(in[4]);
    }
    encoder(in, out).dispatch([args = args(in, out[0]), q = RowMajor(in[0]),
                               tables = RowMajor(in[3]), rows = rows_,
                               sinks]() mutable {
      args.q = q.data();
      args.tables = static_cast<const int32_t*>(tables.data());
      args.rows = rows.data();
      args.row_count = static_cast<int>(rows.size());
      args.sinks = sinks ? static_cast<const float*>(sinks->data()) : nullptr;
      attend(args);
    });
  }

 private:
  AttendArgs args(const std::vector<mx::array>& in, mx::array& out) const {
    const auto& q = in[0];
    const auto& pool = in[1];
    AttendArgs a;
    a.heads = q.shape(1);
    a.kv_heads = pool.shape(1);
    a.q_type = float_type(q.dtype());
    a.keys = rows_of(pool, stored_width(pool));
    a.values = options_.values_in_keys > 0
                   ? rows_of(pool, options_.values_in_keys)
                   : rows_of(in[2], stored_width(in[2]));
    a.pool_type = stored_type_of(pool.dtype());
    a.block_tokens = pool.shape(2);
    a.table_width = in[3].shape(1);
    a.scale = options_.scale;
    a.window = options_.window;
    a.softcap = options_.softcap;
    a.out = out.data<char>();
    return a;
  }

  std::vector<AttendRow> rows_;
  PagedAttentionOptions options_;
};

int tokens_of(const PagedStep& step) {
  int tokens = 0;
  for (const auto& row : step.rows) {
    PARALLM_CHECK(
        row.first_token == tokens && 0 <= row.begin && row.begin < row.end,
        "a row of positions [{}, {}) at token {}", row.begin, row.end,
        row.first_token);
    tokens += row.end - row.begin;
  }
  return tokens;
}

void check_queries(
    const mx::array& q, const mx::array& key_pool, const PagedStep& step) {
  PARALLM_CHECK(
      q.ndim() == 3 && key_pool.ndim() == 4 &&
          q.shape(1) % key_pool.shape(1) == 0 &&
          q.shape(2) == stored_width(key_pool),
      "attention of queries {} to keys {}", array_text(q),
      array_text(key_pool));
  PARALLM_CHECK(
      q.shape(0) == tokens_of(step), "attention of {} tokens, {} in rows",
      q.shape(0), tokens_of(step));
}

// Each row has a table, and its positions are in it.
void check_tables(const PagedStep& step, int block_tokens) {
  const mx::array& tables = step.tables;
  const auto rows = static_cast<int>(step.rows.size());
  PARALLM_CHECK(
      tables.ndim() == 2 && tables.shape(0) == rows &&
          tables.dtype() == mx::int32,
      "tables {}, expected int32 ({}, widest)", array_text(tables), rows);
  for (const auto& row : step.rows) {
    PARALLM_CHECK(
        row.end <= int64_t{tables.shape(1)} * block_tokens,
        "a row of positions up to {} in {} blocks of {}", row.end,
        tables.shape(1), block_tokens);
  }
}

void check_values(
    const mx::array& key_pool,
    const mx::array& value_pool,
    const PagedAttentionOptions& options) {
  const int width = stored_width(key_pool);
  auto shape = key_pool.shape();
  shape[3] = value_pool.shape(-1);
  PARALLM_CHECK(
      options.values_in_keys > 0 ? options.values_in_keys <= width
                                 : value_pool.shape() == shape &&
                                       value_pool.dtype() == key_pool.dtype(),
      "values of {} numbers in keys of {}, pools {} and {}",
      options.values_in_keys, width, array_text(key_pool),
      array_text(value_pool));
}

} // namespace

mx::array paged_attention(
    const mx::array& q,
    const mx::array& key_pool,
    const mx::array& value_pool,
    const PagedStep& step,
    const PagedAttentionOptions& options) {
  const auto stream = kernel_stream();
  if (!on_cpu(stream)) {
    return paged_attention_reference(q, key_pool, value_pool, step, options);
  }
  check_queries(q, key_pool, step);
  check_tables(step, key_pool.shape(2));
  check_values(key_pool, value_pool, options);
  std::vector<mx::array> in{q, key_pool, value_pool, step.tables};
  if (options.sinks) {
    PARALLM_CHECK(
        options.sinks->shape() == mx::Shape{q.shape(1)},
        "{} sinks for {} heads", options.sinks->size(), q.shape(1));
    in.push_back(mx::astype(*options.sinks, mx::float32));
  }
  return mx::array(
      {q.shape(0), q.shape(1), value_width(value_pool, options)}, q.dtype(),
      std::make_shared<PagedAttentionCpu>(stream, rows_of(step), options),
      std::move(in));
}

} // namespace parallm
