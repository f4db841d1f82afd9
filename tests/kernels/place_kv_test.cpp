#include "kernels/place_kv/place_kv.h"

#include <gtest/gtest.h>

#include "base/check.h"
#include "kernels/instruction_set.h"
#include "kernels/kernel_pool.h"
#include "kernels/kv_write/stored_rows.h"
#include "kernels/usable_cores.h"
#include "tests/support/arrays.h"

namespace parallm {
namespace {

using namespace test;

const mx::Dtype kTypes[] = {mx::float32, mx::float16, mx::bfloat16};
const mx::Dtype kPoolTypes[] = {
    mx::float32, mx::float16, mx::bfloat16, mx::int8};

// 5 query heads, 2 of keys and values.
struct Case {
  mx::Dtype type = mx::float32, pool_type = mx::float32;
  mx::Dtype value_type = mx::float32;
  int tokens = 3;
  int width = 21, turning = 10; // pairs, at most half the width
  int value_width = 21;
  RopePairs pairs = RopePairs::kHalves;
  bool normed = false;
};

mx::array pool(const Case& c, int width, uint32_t seed) {
  const int blocks = c.tokens / 2 + 2;
  return to_stored(random_array({blocks, 2, 3, width}, seed), c.pool_type);
}

// Every third place is left out, and the last token comes first.
mx::array slots(int tokens) {
  std::vector<int32_t> slots;
  for (int i = tokens - 1; i >= 0; --i) {
    slots.push_back(i + i / 2);
  }
  return ints(slots);
}

mx::array positions(int tokens) {
  std::vector<int32_t> positions;
  for (int i = 0; i < tokens; ++i) {
    positions.push_back(7 * i);
  }
  return ints(positions);
}

std::vector<mx::array> placed(const Case& c, decltype(place_kv) place) {
  const auto weight = [&](uint32_t seed) {
    return c.normed ? std::optional(random_array({c.width}, seed))
                    : std::nullopt;
  };
  const auto wide = random_array({c.tokens, 2, c.width + 9}, 2, c.type);
  const auto result = place(
      {random_array({c.tokens, 5 * c.width}, 1, c.type), weight(8)},
      {mx::slice(wide, {0, 0, 5}, {c.tokens, 2, c.width + 5}), weight(9)},
      random_array({c.tokens, 2, c.value_width}, 3, c.value_type),
      {positions(c.tokens),
       random_array({c.turning}, 4),
       {c.width, c.pairs, 1.25f, 1e-6f}},
      slots(c.tokens), {pool(c, c.width, 5), pool(c, c.value_width, 6)});
  const std::vector<mx::array> all{
      result.q, result.pools.keys, result.pools.values};
  mx::eval(all);
  return all;
}

void expect_the_bits_of_the_parts(const Case& c) {
  const auto ours = placed(c, place_kv);
  const auto reference = placed(c, place_kv_by_parts);
  for (size_t i = 0; i < ours.size(); ++i) {
    EXPECT_TRUE(same_bits(ours[i], reference[i]))
        << i << ", " << c.tokens << " of width " << c.width;
  }
}

TEST(PlaceKv, HasTheBitsOfItsPartsInEveryType) {
  for (const auto type : kTypes) {
    for (const auto pool_type : kPoolTypes) {
      for (const bool normed : {false, true}) {
        for (const auto value_type : kTypes) {
          expect_the_bits_of_the_parts(
              {.type = type,
               .pool_type = pool_type,
               .value_type = value_type,
               .normed = normed});
        }
      }
    }
  }
}

TEST(PlaceKv, HasTheBitsOfItsPartsAtOddSizes) {
  for (const auto pairs : {RopePairs::kHalves, RopePairs::kAdjacent}) {
    for (const int tokens : {0, 1, 15, 16, 17, 33}) {
      for (const int width : {2, 21, 64}) {
        expect_the_bits_of_the_parts(
            {.type = mx::bfloat16,
             .pool_type = mx::int8,
             .tokens = tokens,
             .width = width,
             .turning = std::max(1, width / 3),
             .value_width = 7,
             .pairs = pairs,
             .normed = true});
      }
    }
  }
}

TEST(PlaceKv, HasTheBitsOfItsPartsUnderEachInstructionSet) {
  const InstructionSet before = instruction_set();
  for (const InstructionSet set : host_instruction_sets()) {
    use_instruction_set(set);
    expect_the_bits_of_the_parts({.type = mx::bfloat16, .normed = true});
  }
  use_instruction_set(before);
}

// Enough tokens for several parts.
TEST(PlaceKv, HasTheBitsOfItsPartsOnAnyNumberOfThreads) {
  for (const int threads : {1, 2, 3}) {
    set_kernel_threads(threads);
    expect_the_bits_of_the_parts(
        {.type = mx::bfloat16, .pool_type = mx::int8, .tokens = 301});
  }
  set_kernel_threads(usable_cores());
}

TEST(PlaceKv, WritesThePoolsInPlace) {
  const Case c;
  const auto keys = pool(c, 4, 1), values = pool(c, 4, 2);
  mx::eval(keys, values);
  const auto row = random_array({1, 2, 4}, 3);
  auto out = place_kv(
      {row}, {row}, row, {ints({3}), random_array({2}, 4), {.width = 4}},
      ints({5}), {keys, values});
  mx::eval(out.q, out.pools.keys, out.pools.values);
  EXPECT_EQ(out.pools.keys.data<float>(), keys.data<float>());
  EXPECT_EQ(out.pools.values.data<float>(), values.data<float>());
}

// What is made of queries (1, 2, 4), keys, values and slots.
PlacedKv place(const mx::array& k, const mx::array& v, const mx::array& slots) {
  const auto pool = mx::zeros({2, 1, 2, 4});
  return place_kv(
      {mx::ones({1, 2, 4})}, {k}, v, {ints({0}), mx::ones({2}), {.width = 4}},
      slots, {pool, pool});
}

TEST(PlaceKv, RefusesASlotOutsideThePool) {
  const auto row = mx::ones({1, 1, 4});
  for (const int slot : {-1, 4}) {
    EXPECT_ANY_THROW({
      auto out = place(row, row, ints({slot}));
      mx::eval(out.pools.keys);
      mx::synchronize();
    }) << slot;
  }
}

TEST(PlaceKv, RefusesRowsThatDoNotFitThePools) {
  const auto row = mx::ones({1, 1, 4});
  EXPECT_NO_THROW(place(row, row, ints({0})));
  EXPECT_THROW(place(mx::ones({1, 2, 4}), row, ints({0})), CheckFailed);
  EXPECT_THROW(place(row, mx::ones({1, 2, 4}), ints({0})), CheckFailed);
  EXPECT_THROW(place(row, mx::ones({1, 1, 5}), ints({0})), CheckFailed);
  EXPECT_THROW(place(row, row, ints({0, 1})), CheckFailed);
  EXPECT_THROW(place(mx::ones({2, 1, 4}), row, ints({0})), CheckFailed);
}

} // namespace
} // namespace parallm
