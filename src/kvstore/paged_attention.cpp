#include "kvstore/paged_attention.h"

#include <algorithm>

#include "base/check.h"

namespace parallm {
namespace {

mx::array numbers(const std::vector<int32_t>& values, mx::Shape shape) {
  return mx::array(values.begin(), std::move(shape), mx::int32);
}

int blocks_used(const KvRow& row, int block_tokens) {
  return (row.end + block_tokens - 1) / block_tokens;
}

void check_row(const KvRow& row, const KvGeometry& g) {
  PARALLM_CHECK(
      0 <= row.begin && row.begin < row.end &&
          blocks_used(row, g.block_tokens) <=
              static_cast<int>(row.blocks.size()),
      "row [{}, {}) on {} blocks of {}", row.begin, row.end, row.blocks.size(),
      g.block_tokens);
  for (const int32_t block : row.blocks) {
    PARALLM_CHECK(
        block >= 0 && block < g.blocks, "block {} of {}", block, g.blocks);
  }
}

// Gathers the rows' bookkeeping, then makes arrays of it once.
struct StepBuilder {
  explicit StepBuilder(const KvGeometry& geometry) : geometry(geometry) {}

  void add(const KvRow& row) {
    check_row(row, geometry);
    rows.push_back({static_cast<int>(positions.size()), row.begin, row.end});
    for (int p = row.begin; p < row.end; ++p) {
      positions.push_back(p);
      slots.push_back(
          row.blocks[p / geometry.block_tokens] * geometry.block_tokens +
          p % geometry.block_tokens);
    }
  }

  void add_tables(std::span<const KvRow> all) {
    for (const auto& row : all) {
      width = std::max(width, blocks_used(row, geometry.block_tokens));
    }
    for (const auto& row : all) {
      const int used = blocks_used(row, geometry.block_tokens);
      tables.insert(
          tables.end(), row.blocks.begin(), row.blocks.begin() + used);
      tables.resize(tables.size() + width - used, 0);
    }
  }

  PagedStep step() {
    const int tokens = static_cast<int>(positions.size());
    const int count = static_cast<int>(rows.size());
    return {
        std::move(rows), numbers(tables, {count, width}),
        numbers(positions, {tokens})};
  }

  const KvGeometry& geometry;
  int width = 1; // of the widest block table
  std::vector<PagedStep::Row> rows;
  std::vector<int32_t> tables, positions, slots;
};

} // namespace

PagedAttention::Layout PagedAttention::lay_out(
    const KvGeometry& geometry, std::span<const KvRow> rows) {
  PARALLM_CHECK(!rows.empty(), "a step has rows");
  StepBuilder builder(geometry);
  for (const auto& row : rows) {
    builder.add(row);
  }
  builder.add_tables(rows);
  const int tokens = static_cast<int>(builder.slots.size());
  return {builder.step(), numbers(builder.slots, {tokens})};
}

PagedAttention::PagedAttention(KvStore& store, std::span<const KvRow> rows)
    : store_(store), layout_(lay_out(store.geometry(), rows)) {
}

mx::array PagedAttention::operator()(
    const AttentionSpec& spec,
    const mx::array& q,
    const mx::array& k,
    const std::optional<mx::array>& v) {
  store_.write(spec.layer, k, v, layout_.slots);
  return attend(spec, q);
}

mx::array PagedAttention::place(
    int layer,
    const RopeHeads& q,
    const RopeHeads& k,
    const mx::array& v,
    const RopeTurns& turns) {
  return store_.place(layer, q, k, v, turns, layout_.slots);
}

mx::array PagedAttention::attend(
    const AttentionSpec& spec, const mx::array& q) {
  return paged_attention(
      q, store_.keys(spec.layer), store_.values(spec.layer), layout_.step,
      {.scale = spec.scale,
       .window = spec.window,
       .softcap = spec.softcap,
       .sinks = spec.sinks,
       .values_in_keys = store_.geometry().latent});
}

} // namespace parallm
