#include "kernels/kv_write/kv_write.h"

#include <gtest/gtest.h>

#include "tests/support/arrays.h"

namespace parallm {
namespace {

using namespace test;

const mx::Dtype kTypes[] = {mx::float32, mx::float16, mx::bfloat16};

// Keys and values may differ in width.
TEST(KvWrite, StoresRowsWhereTheReferenceDoes) {
  const auto slots = ints({11, 0, 5});
  for (const auto pool_type : kTypes) {
    for (const auto row_type : kTypes) {
      for (const int width : {1, 5, 16, 33}) {
        const auto pool = random_array({4, 2, 3, width}, 1, pool_type);
        const auto some = random_array({3, 2, width}, 3, row_type);
        const auto expected = kv_write_reference(pool, some, slots);
        mx::eval(expected);
        EXPECT_TRUE(same_bits(kv_write(pool, some, slots), expected)) << width;
      }
    }
  }
}

TEST(KvWrite, StoresARowAloneAsAmongOthers) {
  for (const auto type : kTypes) {
    const auto some = random_array({3, 2, 7}, 3);
    const auto together =
        kv_write(mx::zeros({2, 2, 3, 7}, type), some, ints({4, 0, 2}));
    auto alone = mx::zeros({2, 2, 3, 7}, type);
    for (const auto& [row, slot] : {std::pair{0, 4}, {1, 0}, {2, 2}}) {
      alone = kv_write(alone, rows(some, row, row + 1), ints({slot}));
    }
    EXPECT_TRUE(same_bits(alone, together));
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
