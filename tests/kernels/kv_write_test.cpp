#include "kernels/kv_write/kv_write.h"

#include <gtest/gtest.h>

#include "tests/support/arrays.h"

namespace parallm {
namespace {

using namespace test;

TEST(KvWrite, StoresRowsWhereTheReferenceDoes) {
  const auto slots = ints({11, 0, 5});
  for (const auto pool_type : {mx::float32, mx::float16, mx::bfloat16}) {
    const auto key_pool = random_array({4, 3, 2, 5}, 1, pool_type);
    const auto value_pool = random_array({4, 3, 2, 5}, 2, pool_type);
    const auto keys = random_array({3, 2, 5}, 3);
    const auto values = random_array({3, 2, 5}, 4);
    const auto expected =
        kv_write_reference(key_pool, value_pool, keys, values, slots);
    mx::eval(expected.first, expected.second);
    const auto written = kv_write(key_pool, value_pool, keys, values, slots);
    EXPECT_TRUE(same_bits(written.first, expected.first));
    EXPECT_TRUE(same_bits(written.second, expected.second));
  }
}

// slice_update copies as soon as a reader of the old pool is in flight.
TEST(KvWrite, NeverMovesThePoolWithManyStepsInFlight) {
  constexpr int kSteps = 64;
  auto keys = mx::zeros({kSteps, 4, 2, 8}),
       values = mx::zeros({kSteps, 4, 2, 8});
  mx::eval(keys, values);
  const void* key_memory = keys.data<float>();
  const void* value_memory = values.data<float>();
  auto token = mx::zeros({1});
  mx::eval(token);
  const size_t base = mx::get_active_memory();
  mx::reset_peak_memory();
  for (int i = 0; i < kSteps; ++i) {
    const auto row = mx::broadcast_to(
        mx::reshape(token + mx::array(1.0f), {1, 1, 1}), {4, 2, 8});
    std::tie(keys, values) = kv_write(
        keys, values, row, row, ints({4 * i, 4 * i + 1, 4 * i + 2, 4 * i + 3}));
    token = mx::reshape(mx::mean(rows(keys, i, i + 1)), {1});
    mx::async_eval(token, values);
  }
  EXPECT_EQ(floats(token), std::vector<float>{kSteps});
  EXPECT_EQ(keys.data<float>(), key_memory);
  EXPECT_EQ(values.data<float>(), value_memory);
  EXPECT_LT(mx::get_peak_memory() - base, keys.nbytes());
}

TEST(KvWrite, RefusesASlotOutsideThePool) {
  const auto pool = mx::zeros({2, 2, 1, 4});
  const auto row = mx::ones({1, 1, 4});
  for (const int slot : {-1, 4}) {
    EXPECT_ANY_THROW({
      auto written = kv_write(pool, pool, row, row, ints({slot}));
      mx::eval(written.first, written.second);
      mx::synchronize();
    }) << slot;
  }
}

} // namespace
} // namespace parallm
