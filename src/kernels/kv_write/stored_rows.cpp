#include "kernels/kv_write/stored_rows.h"

#include "kernels/float_type.h"

namespace parallm {
namespace {

constexpr int kScaleItems = static_cast<int>(kKvScaleBytes); // of int8

mx::array last_items(const mx::array& x, int begin, int end) {
  mx::Shape first(x.ndim(), 0), last = x.shape();
  first.back() = begin;
  last.back() = end;
  return mx::slice(x, first, last);
}

} // namespace

StoredType stored_type_of(mx::Dtype dtype) {
  return dtype == mx::int8 ? StoredType::kI8 : stored_type(float_type(dtype));
}

int stored_items(mx::Dtype dtype, int width) {
  return dtype == mx::int8 ? width + kScaleItems : width;
}

int stored_width(const mx::array& pool) {
  return pool.dtype() == mx::int8 ? pool.shape(-1) - kScaleItems
                                  : pool.shape(-1);
}

mx::array to_stored(const mx::array& rows, mx::Dtype dtype) {
  if (dtype != mx::int8) {
    return mx::astype(rows, dtype);
  }
  const auto wide = mx::astype(rows, mx::float32);
  const auto scale = mx::max(mx::abs(wide), -1, true) / mx::array(127.0f);
  const auto steps = mx::where(
      mx::greater(scale, mx::array(0.0f)), mx::array(1.0f) / scale,
      mx::array(0.0f));
  const auto numbers =
      mx::clip(mx::round(wide * steps), mx::array(-127.0f), mx::array(127.0f));
  return mx::concatenate(
      {mx::view(scale, mx::int8), mx::astype(numbers, mx::int8)}, -1);
}

mx::array from_stored(const mx::array& pool) {
  if (pool.dtype() != mx::int8) {
    return pool;
  }
  const auto scale =
      mx::view(mx::contiguous(last_items(pool, 0, kScaleItems)), mx::float32);
  return mx::astype(
             last_items(pool, kScaleItems, pool.shape(-1)), mx::float32) *
         scale;
}

} // namespace parallm
