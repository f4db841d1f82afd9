#include "kernels/kv_write/kv_write.h"

#include "base/check.h"
#include "kernels/cpu_primitive.h"
#include "kernels/float_type.h"

namespace parallm {
namespace {

struct Rows {
  FloatType from_type;
  FloatType to_type;
  int count;
  int width; // numbers in a row
  size_t slots_in_pool;
};

void copy_row(const Rows& rows, const char* from, char* to) {
  if (rows.from_type == rows.to_type) {
    std::memcpy(to, from, rows.width * float_bytes(rows.to_type));
    return;
  }
  std::vector<float> wide(simd::round_up(rows.width));
  simd::load_row(rows.from_type, wide.data(), from, rows.width);
  store_row(rows.to_type, to, wide.data(), rows.width);
}

void copy_rows(
    const Rows& rows, const void* from, const int32_t* slots, char* pool) {
  const size_t from_bytes = rows.width * float_bytes(rows.from_type);
  const size_t to_bytes = rows.width * float_bytes(rows.to_type);
  for (int i = 0; i < rows.count; ++i) {
    PARALLM_CHECK(
        slots[i] >= 0 && static_cast<size_t>(slots[i]) < rows.slots_in_pool,
        "slot {} of {}", slots[i], rows.slots_in_pool);
    copy_row(
        rows, static_cast<const char*>(from) + i * from_bytes,
        pool + slots[i] * to_bytes);
  }
}

// inputs: pool, rows, slots; the output is the pool's own memory.
class KvWrite : public CpuPrimitive {
 public:
  explicit KvWrite(mx::Stream stream)
      : CpuPrimitive(stream, "parallm::KvWrite") {}

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    const auto& pool = in[0];
    out[0].copy_shared_buffer(pool);
    const Rows rows{
        .from_type = float_type(in[1].dtype()),
        .to_type = float_type(pool.dtype()),
        .count = in[2].shape(0),
        .width = pool.shape(2) * pool.shape(3),
        .slots_in_pool = static_cast<size_t>(pool.shape(0)) * pool.shape(1)};
    encoder(in, out).dispatch([rows, from = RowMajor(in[1]),
                               slots = RowMajor(in[2]),
                               to = out[0].data<char>()]() mutable {
      copy_rows(
          rows, from.data(), static_cast<const int32_t*>(slots.data()), to);
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
  PARALLM_CHECK(
      pool.ndim() == 4 && slots.ndim() == 1 && slots.dtype() == mx::int32 &&
          rows.shape() ==
              (mx::Shape{slots.shape(0), pool.shape(2), pool.shape(3)}),
      "{} slots for {} numbers", slots.size(), rows.size());
  return mx::array(
      pool.shape(), pool.dtype(), std::make_shared<KvWrite>(stream),
      {pool, rows, slots});
}

mx::array kv_write_reference(
    const mx::array& pool, const mx::array& rows, const mx::array& slots) {
  const int heads = pool.shape(2), width = pool.shape(3);
  const auto flat =
      mx::reshape(pool, {pool.shape(0) * pool.shape(1), heads, width});
  const auto updates = mx::reshape(
      mx::astype(rows, pool.dtype()), {rows.shape(0), 1, heads, width});
  return mx::reshape(mx::scatter(flat, slots, updates, 0), pool.shape());
}

} // namespace parallm
