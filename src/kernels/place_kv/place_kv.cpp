#include "kernels/place_kv/place_kv.h"

#include "kernels/cpu_primitive.h"
#include "kernels/kv_write/kv_arrays.h"
#include "kernels/kv_write/kv_write.h"
#include "kernels/place_kv/placed_rows.h"
#include "kernels/rope/rope_arrays.h"

namespace parallm {
namespace {

// inputs: v, slots, key pool, value pool, behind those of rope_arrays; outputs:
// q, and the pools' own memory
class PlaceKv : public CpuPrimitive {
 public:
  PlaceKv(mx::Stream stream, RopeInputs inputs)
      : CpuPrimitive(stream, "parallm::PlaceKv"), inputs_(std::move(inputs)) {}

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    const mx::array* rest = in.data() + in.size() - 4;
    const mx::array &v = rest[0], &slots = rest[1];
    allocate(out[0]);
    out[1].copy_shared_buffer(rest[2]);
    out[2].copy_shared_buffer(rest[3]);
    PlacedRows rows{
        .rope = {},
        .keys = kv_write_args(out[1], out[0].dtype(), slots),
        .values = kv_write_args(out[2], v.dtype(), slots)};
    encoder(in, out).dispatch([rows = std::move(rows), q = out[0].data<char>(),
                               heads = RopeMemory(inputs_, in), v = RowMajor(v),
                               slots = RowMajor(slots)]() mutable {
      rows.rope = heads.rows();
      rows.rope.groups[0].out = q;
      rows.keys.slots = static_cast<const int32_t*>(slots.data());
      rows.values.slots = rows.keys.slots;
      rows.values.rows = v.data();
      place_rows(rows);
    });
  }

 private:
  RopeInputs inputs_;
};

} // namespace

PlacedKv place_kv(
    const RopeHeads& q,
    const RopeHeads& k,
    const mx::array& v,
    const RopeTurns& turns,
    const mx::array& slots,
    const KvPools& pools) {
  const auto stream = kernel_stream();
  if (!on_cpu(stream)) {
    return place_kv_by_parts(q, k, v, turns, slots, pools);
  }
  const auto& [positions, frequencies, settings] = turns;
  auto in = rope_arrays({q, k}, positions, frequencies, settings);
  check_kv_write(pools.keys, heads_shape(k.x, settings.width), slots);
  check_kv_write(pools.values, v.shape(), slots);
  in.insert(in.end(), {v, slots, pools.keys, pools.values});
  const auto out = mx::array::make_arrays(
      {heads_shape(q.x, settings.width), pools.keys.shape(),
       pools.values.shape()},
      {q.x.dtype(), pools.keys.dtype(), pools.values.dtype()},
      std::make_shared<PlaceKv>(stream, rope_inputs_of({q, k}, settings)), in);
  return {out[0], {out[1], out[2]}};
}

PlacedKv place_kv_by_parts(
    const RopeHeads& q,
    const RopeHeads& k,
    const mx::array& v,
    const RopeTurns& turns,
    const mx::array& slots,
    const KvPools& pools) {
  const auto turned =
      rope_heads({q, k}, turns.positions, turns.frequencies, turns.settings);
  return {
      turned[0],
      {kv_write(pools.keys, turned[1], slots),
       kv_write(pools.values, v, slots)}};
}

} // namespace parallm
