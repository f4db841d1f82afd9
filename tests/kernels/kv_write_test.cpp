#include "kernels/kv_write/kv_write.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/kv_write/stored_rows.h"
#include "tests/support/arrays.h"

namespace parallm {
namespace {

using namespace test;

const mx::Dtype kTypes[] = {mx::float32, mx::float16, mx::bfloat16};
const mx::Dtype kPoolTypes[] = {
    mx::float32, mx::float16, mx::bfloat16, mx::int8};

mx::array random_pool(int blocks, int width, mx::Dtype dtype, uint32_t seed) {
  return to_stored(random_array({blocks, 2, 3, width}, seed), dtype);
}

// Keys and values may differ in width.
TEST(KvWrite, StoresRowsWhereTheReferenceDoes) {
  const auto slots = ints({11, 0, 5});
  for (const auto pool_type : kPoolTypes) {
    for (const auto row_type : kTypes) {
      for (const int width : {1, 5, 16, 33}) {
        const auto pool = random_pool(4, width, pool_type, 1);
        const auto some = random_array({3, 2, width}, 3, row_type);
        const auto expected = kv_write_reference(pool, some, slots);
        mx::eval(expected);
        EXPECT_TRUE(same_bits(kv_write(pool, some, slots), expected)) << width;
      }
    }
  }
}

TEST(KvWrite, StoresARowAloneAsAmongOthers) {
  for (const auto type : kPoolTypes) {
    const auto some = random_array({3, 2, 7}, 3);
    const auto together =
        kv_write(random_pool(2, 7, type, 1), some, ints({4, 0, 2}));
    auto alone = random_pool(2, 7, type, 1);
    for (const auto& [row, slot] : {std::pair{0, 4}, {1, 0}, {2, 2}}) {
      alone = kv_write(alone, rows(some, row, row + 1), ints({slot}));
    }
    EXPECT_TRUE(same_bits(alone, together));
  }
}

TEST(KvWrite, KeepsInt8WithinHalfAStepOfTheLargest) {
  const auto some = random_array({3, 2, 33}, 3);
  const auto pool =
      kv_write(random_pool(1, 33, mx::int8, 1), some, ints({0, 1, 2}));
  const auto back =
      mx::reshape(mx::transpose(from_stored(pool), {0, 2, 1, 3}), {3, 2, 33});
  const auto steps = mx::max(mx::abs(some), -1, true) / mx::array(127.0f);
  const auto off = floats(mx::max(mx::abs(back - some) / steps));
  EXPECT_LT(off[0], 0.5001f);
  EXPECT_GT(off[0], 0.4f);
}

TEST(KvWrite, KeepsARowOfZerosInInt8) {
  const auto zeros = mx::zeros({1, 2, 5});
  const auto pool = kv_write(random_pool(1, 5, mx::int8, 1), zeros, ints({1}));
  EXPECT_EQ(
      floats(mx::max(mx::abs(
          mx::slice(from_stored(pool), {0, 0, 1, 0}, {1, 2, 2, 5}))))[0],
      0.0f);
}

TEST(KvWrite, SpreadsWhatIsNotANumberOverARowOfInt8) {
  const auto row = mx::concatenate(
      {mx::ones({1, 2, 17}), mx::full({1, 2, 1}, NAN), mx::ones({1, 2, 3})},
      -1);
  const auto pool = kv_write(random_pool(1, 21, mx::int8, 1), row, ints({1}));
  const auto back = mx::slice(from_stored(pool), {0, 0, 1, 0}, {1, 2, 2, 21});
  for (const float number : floats(back)) {
    EXPECT_TRUE(std::isnan(number));
  }
}

// slice_update copies as soon as a reader of the old pool is in flight.
TEST(KvWrite, NeverMovesThePoolWithManyStepsInFlight) {
  constexpr int kSteps = 64;
  auto keys = mx::zeros({kSteps, 2, 4, 8}),
       values = mx::zeros({kSteps, 2, 4, 8});
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
    const auto slots = ints({4 * i, 4 * i + 1, 4 * i + 2, 4 * i + 3});
    keys = kv_write(keys, row, slots);
    values = kv_write(values, row, slots);
    token = mx::reshape(mx::mean(rows(keys, i, i + 1)), {1});
    mx::async_eval(token, values);
  }
  EXPECT_EQ(floats(token), std::vector<float>{kSteps});
  EXPECT_EQ(keys.data<float>(), key_memory);
  EXPECT_EQ(values.data<float>(), value_memory);
  EXPECT_LT(mx::get_peak_memory() - base, keys.nbytes());
}

TEST(KvWrite, RefusesASlotOutsideThePool) {
  const auto pool = mx::zeros({2, 1, 2, 4});
  const auto row = mx::ones({1, 1, 4});
  for (const int slot : {-1, 4}) {
    EXPECT_ANY_THROW({
      auto written = kv_write(pool, row, ints({slot}));
      mx::eval(written);
      mx::synchronize();
    }) << slot;
  }
}

} // namespace
} // namespace parallm
