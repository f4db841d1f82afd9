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

// inputs: key pool, value pool, keys, values, slots; the two outputs are the
// pools' own memory.
class KvWrite : public CpuPrimitive {
 public:
  explicit KvWrite(mx::Stream stream)
      : CpuPrimitive(stream, "parallm::KvWrite") {}

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    out[0].copy_shared_buffer(in[0]);
    out[1].copy_shared_buffer(in[1]);
    const auto& pool = in[0];
    const Rows rows{
        .from_type = float_type(in[2].dtype()),
        .to_type = float_type(pool.dtype()),
        .count = in[4].shape(0),
        .width = pool.shape(2) * pool.shape(3),
        .slots_in_pool = static_cast<size_t>(pool.shape(0)) * pool.shape(1)};
    encoder(in, out).dispatch(
        [rows, keys = RowMajor(in[2]), values = RowMajor(in[3]),
         slots = RowMajor(in[4]), key_pool = out[0].data<char>(),
         value_pool = out[1].data<char>()]() mutable {
          const auto* at = static_cast<const int32_t*>(slots.data());
          copy_rows(rows, keys.data(), at, key_pool);
          copy_rows(rows, values.data(), at, value_pool);
        });
  }
};

mx::array scatter_rows(
    const mx::array& pool, const mx::array& rows, const mx::array& slots) {
  const int heads = pool.shape(2), width = pool.shape(3);
  const auto flat =
      mx::reshape(pool, {pool.shape(0) * pool.shape(1), heads, width});
  const auto updates = mx::reshape(
      mx::astype(rows, pool.dtype()), {rows.shape(0), 1, heads, width});
  return mx::reshape(mx::scatter(flat, slots, updates, 0), pool.shape());
}

} // namespace

std::pair<mx::array, mx::array> kv_write(
    const mx::array& key_pool,
    const mx::array& value_pool,
    const mx::array& keys,
    const mx::array& values,
    const mx::array& slots) {
  const auto stream = kernel_stream();
  if (!on_cpu(stream)) {
    return kv_write_reference(key_pool, value_pool, keys, values, slots);
  }
  const mx::Shape rows{slots.shape(0), key_pool.shape(2), key_pool.shape(3)};
  PARALLM_CHECK(
      keys.shape() == rows && values.shape() == rows &&
          key_pool.shape() == value_pool.shape() &&
          key_pool.dtype() == value_pool.dtype() &&
          keys.dtype() == values.dtype() && slots.dtype() == mx::int32,
      "{} slots for {} numbers", slots.size(), keys.size());
  auto pools = mx::array::make_arrays(
      {key_pool.shape(), value_pool.shape()},
      {key_pool.dtype(), value_pool.dtype()}, std::make_shared<KvWrite>(stream),
      {key_pool, value_pool, keys, values, slots});
  return {pools[0], pools[1]};
}

std::pair<mx::array, mx::array> kv_write_reference(
    const mx::array& key_pool,
    const mx::array& value_pool,
    const mx::array& keys,
    const mx::array& values,
    const mx::array& slots) {
  return {
      scatter_rows(key_pool, keys, slots),
      scatter_rows(value_pool, values, slots)};
}

} // namespace parallm
