#include "kernels/paged_attention/attend_part.h"

#include "kernels/paged_attention/exp_below.h"
#include "kernels/paged_attention/part.h"

namespace parallm {
namespace {

using namespace attending;

PARALLM_INLINE Part part_of(const AttendPart& args) {
  const AttendArgs& a = args.args;
  const AttendTile& tile = args.tile;
  const int queries = tile.queries(a);
  const int width = round_up(a.keys.width), padded = round_up(a.values.width);
  float* q = args.work;
  float* keys = q + size_t{1} * queries * width;
  float* values = keys + size_t{kKeys} * width;
  float* scores = values + size_t{kKeys} * padded;
  float* scales = scores + size_t{kPartPositions} * queries;
  Part p{
      a,
      tile,
      a.tables + static_cast<size_t>(tile.row) * a.table_width,
      args.part * kPartPositions,
      tile.kv_heads > 1 ? kLanes : kKeys,
      a.heads / a.kv_heads,
      tile.head_queries(a),
      {},
      padded,
      tile.kv_head,
      q,
      keys,
      values,
      scores,
      scales,
      scales + kPartPositions * tile.kv_heads,
      args.out};
  p.seen = range_between(p, 0, p.queries - 1);
  return p;
}

PARALLM_INLINE float exp_of(float x) {
  const Floats all = Floats{} + x;
  Floats power;
  exp_below(power, all);
  return power[0];
}

PARALLM_INLINE void merge_body(const AttendMerge& args) {
  const auto& [queries, padded, total, part] = args;
  for (int i = 0; i < queries; ++i) {
    if (part.sum[i] == 0) {
      continue;
    }
    const bool first = total.sum[i] == 0;
    const float most =
        first || part.most[i] > total.most[i] ? part.most[i] : total.most[i];
    const float before = first ? 0 : exp_of(total.most[i] - most);
    const float here = exp_of(part.most[i] - most);
    total.sum[i] = total.sum[i] * before + part.sum[i] * here;
    total.most[i] = most;
    float* to = total.mixed + static_cast<size_t>(i) * padded;
    const float* from = part.mixed + static_cast<size_t>(i) * padded;
    for (int d = 0; d < padded; d += kLanes) {
      Floats a, b;
      std::memcpy(&a, to + d, sizeof(a));
      std::memcpy(&b, from + d, sizeof(b));
      a = a * before + b * here;
      std::memcpy(to + d, &a, sizeof(a));
    }
  }
}

PARALLM_INLINE void store_body(const AttendStore& store) {
  const AttendArgs& a = store.args;
  const AttendTile& tile = store.tile;
  const int group = a.heads / a.kv_heads, width = a.values.width;
  const int padded = round_up(width), queries = tile.queries(a);
  const AttendRow& row = a.rows[tile.row];
  const int token = row.first_token + tile.begin - row.begin;
  const int head_queries = tile.head_queries(a);
  for (int i = 0; i < queries; ++i) {
    const int kv_head = tile.kv_head + i / head_queries;
    const int head = kv_head * group + i % group;
    float sum = store.total.sum[i];
    float share = 1;
    if (a.sinks != nullptr) {
      const float most = std::max(store.total.most[i], a.sinks[head]);
      share = exp_of(store.total.most[i] - most);
      sum = sum * share + exp_of(a.sinks[head] - most);
    }
    float* mixed = store.total.mixed + static_cast<size_t>(i) * padded;
    for (int d = 0; d < padded; ++d) {
      mixed[d] = mixed[d] * share / sum;
    }
    const size_t query_token = token + i % head_queries / group;
    const size_t at = query_token * a.heads + head;
    store_row(
        a.q_type,
        static_cast<char*>(a.out) + at * width * float_bytes(a.q_type), mixed,
        width);
  }
}

PARALLM_MULTIVERSION(merge_on_any, merge_body, AttendMerge)
PARALLM_MULTIVERSION(store_on_any, store_body, AttendStore)

} // namespace

size_t part_work_floats(const AttendArgs& a, const AttendTile& tile) {
  const size_t key = round_up(a.keys.width), value = round_up(a.values.width);
  return tile.queries(a) * (key + kPartPositions) + kKeys * (key + value) +
         2 * kPartPositions * tile.kv_heads;
}

void attend_part(const AttendPart& args) {
  const Part part = part_of(args);
  score_part(part);
  weigh_part(part);
  mix_part(part);
}

void merge_part(const AttendMerge& merge) {
  merge_on_any(merge);
}

void store_tile(const AttendStore& store) {
  store_on_any(store);
}

} // namespace parallm
