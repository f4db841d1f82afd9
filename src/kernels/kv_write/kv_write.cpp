#include "kernels/kv_write/kv_write.h"

#include "kernels/cpu_primitive.h"
#include "kernels/kv_write/kv_arrays.h"
#include "kernels/kv_write/stored_rows.h"

namespace parallm {
namespace {

// inputs: pool, rows, slots; the output is the pool's own memory.
class KvWrite : public CpuPrimitive {
 public:
  explicit KvWrite(mx::Stream stream)
      : CpuPrimitive(stream, "parallm::KvWrite") {}

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    out[0].copy_shared_buffer(in[0]);
    encoder(in, out).dispatch(
        [args = kv_write_args(out[0], in[1].dtype(), in[2]),
         rows = RowMajor(in[1]), slots = RowMajor(in[2])]() mutable {
          args.rows = rows.data();
          args.slots = static_cast<const int32_t*>(slots.data());
          write_kv_rows(args);
        });
  }
};

} // namespace

mx::array kv_write(
    const mx::array& pool, const mx::array& rows, const mx::array& slots) {
  const auto stream = kernel_stream();
  if (!on_cpu(stream)) {
    return kv_write_reference(pool, rows, slots);
  }
  check_kv_write(pool, rows.shape(), slots);
  return mx::array(
      pool.shape(), pool.dtype(), std::make_shared<KvWrite>(stream),
      {pool, rows, slots});
}

mx::array kv_write_reference(
    const mx::array& pool, const mx::array& rows, const mx::array& slots) {
  const int heads = pool.shape(1), width = pool.shape(3);
  const auto block_tokens = mx::array(pool.shape(2));
  const auto updates = mx::reshape(
      to_stored(rows, pool.dtype()), {rows.shape(0), 1, heads, 1, width});
  return mx::scatter(
      pool,
      {mx::floor_divide(slots, block_tokens),
       mx::remainder(slots, block_tokens)},
      updates, {0, 2});
}

} // namespace parallm
