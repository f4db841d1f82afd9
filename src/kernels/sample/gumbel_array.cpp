#include "kernels/sample/gumbel_array.h"

namespace parallm {
namespace {

// One number of every key as a column. (R, 1) uint64; words are kept in 64
// bits so that the high half of a product is a shift.
template <class Field>
mx::array column(const std::vector<NoiseKey>& keys, Field field) {
  std::vector<uint64_t> values;
  values.reserve(keys.size());
  for (const NoiseKey& key : keys) {
    values.push_back(field(key));
  }
  const int rows = static_cast<int>(keys.size());
  return mx::array(values.begin(), mx::Shape{rows, 1}, mx::uint64);
}

mx::array word(uint64_t value) {
  return mx::array(value, mx::uint64);
}

mx::array low_half(const mx::array& x) {
  return mx::bitwise_and(x, word(0xFFFFFFFFu));
}

mx::array high_half(const mx::array& x) {
  return mx::right_shift(x, word(32));
}

struct Philox {
  mx::array c0, c1, c2, c3, key0, key1;

  void round() {
    const mx::array a = c0 * word(kPhiloxMultiplier0);
    const mx::array b = c2 * word(kPhiloxMultiplier1);
    c0 = mx::bitwise_xor(mx::bitwise_xor(high_half(b), c1), key0);
    c1 = low_half(b);
    c2 = mx::bitwise_xor(mx::bitwise_xor(high_half(a), c3), key1);
    c3 = low_half(a);
    key0 = low_half(key0 + word(kPhiloxWeyl0));
    key1 = low_half(key1 + word(kPhiloxWeyl1));
  }
};

Philox start(const std::vector<NoiseKey>& keys, int groups) {
  const mx::array position = column(keys, [](auto& k) { return k.position; });
  const mx::array zeros = mx::zeros(position.shape(), mx::uint64);
  return {
      mx::expand_dims(mx::arange(0, groups, mx::uint64), 0) + zeros,
      position,
      column(keys, [](auto& k) { return k.choice; }),
      zeros,
      column(keys, [](auto& k) { return k.seed & 0xFFFFFFFFu; }),
      column(keys, [](auto& k) { return k.seed >> 32; })};
}

} // namespace

mx::array gumbel_array(const std::vector<NoiseKey>& keys, int vocab) {
  const int rows = static_cast<int>(keys.size());
  const int groups = (vocab + 3) / 4;
  Philox philox = start(keys, groups);
  for (int round = 0; round < kPhiloxRounds; ++round) {
    philox.round();
  }
  const mx::array words = mx::reshape(
      mx::stack({philox.c0, philox.c1, philox.c2, philox.c3}, -1),
      mx::Shape{rows, groups * 4});
  const mx::array uniform = mx::minimum(
      mx::astype(mx::astype(words, mx::uint32), mx::float32) *
              mx::array(0x1p-32f) +
          mx::array(0x1p-33f),
      mx::array(1.0f - 0x1p-24f));
  const mx::array noise =
      mx::negative(mx::log(mx::negative(mx::log1p(mx::negative(uniform)))));
  return mx::slice(noise, mx::Shape{0, 0}, mx::Shape{rows, vocab});
}

} // namespace parallm
