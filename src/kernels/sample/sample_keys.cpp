#include "kernels/sample/sample_keys.h"

namespace parallm {

mx::array order_keys(const mx::array& values) {
  const mx::array bits = mx::view(values + mx::array(0.0f), mx::uint32);
  const mx::array sign = mx::array(0x80000000u, mx::uint32);
  const mx::array rising = mx::where(
      mx::greater_equal(bits, sign), mx::bitwise_invert(bits),
      mx::bitwise_or(bits, sign));
  const mx::array upper = mx::left_shift(
      mx::astype(mx::bitwise_invert(rising), mx::uint64),
      mx::array(uint64_t{32}, mx::uint64));
  return mx::bitwise_or(upper, mx::arange(0, values.shape(1), mx::uint64));
}

mx::array ids_of(const mx::array& keys) {
  return mx::astype(
      mx::bitwise_and(keys, mx::array(uint64_t{0xFFFFFFFF}, mx::uint64)),
      mx::int32);
}

} // namespace parallm
