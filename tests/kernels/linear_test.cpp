#include "kernels/linear/linear.h"

#include <gtest/gtest.h>

#include "kernels/kernel_pool.h"
#include "kernels/usable_cores.h"
#include "tests/support/packed_weights.h"

namespace parallm {
namespace {

using namespace test;

const mx::Dtype kTypes[] = {mx::float32, mx::float16, mx::bfloat16};

QuantizedWeight affine(
    int outputs, int inputs, int bits, int group_size, mx::Dtype dtype) {
  return quantized(
      random_array({outputs, inputs}, 7, dtype),
      {QuantMode::kAffine, bits, group_size});
}

float tolerance(int inputs, mx::Dtype out) {
  return 4 * std::sqrt(static_cast<float>(inputs)) * rounding(out);
}

TEST(Linear, MultipliesLikeMlxAtOddSizes) {
  for (const int tokens : {1, 3, 4, 33}) {
    for (const int inputs : {1, 16, 17, 100}) {
      for (const int outputs : {1, 3, 4, 67}) {
        const auto x = random_array({tokens, inputs}, 1);
        const auto w = random_array({outputs, inputs}, 2);
        EXPECT_LT(
            max_difference(
                linear(x, w, std::nullopt, mx::float32),
                linear_reference(x, w, std::nullopt, mx::float32)),
            tolerance(inputs, mx::float32))
            << tokens << " " << inputs << " " << outputs;
      }
    }
  }
}

TEST(Linear, AGroupIsItsMembersBitForBit) {
  const auto x = random_array({5, 64}, 1, mx::bfloat16);
  const std::vector<LinearWeight> weights = {
      {random_array({9, 64}, 2), random_array({9}, 3)},
      {affine(7, 64, 4, 32, mx::float16)},
      {random_array({3, 64}, 4, mx::float16)},
      {affine(12, 64, 8, 64, mx::float32), random_array({12}, 5)}};
  const auto all = linear_group(x, weights, mx::float16);
  ASSERT_EQ(all.size(), weights.size());
  for (size_t i = 0; i < all.size(); ++i) {
    const auto& [weight, bias] = weights[i];
    const auto alone = std::visit(
        [&](const auto& w) { return linear(x, w, bias, mx::float16); }, weight);
    EXPECT_TRUE(same_bits(all[i], alone)) << i;
  }
}

TEST(Linear, TakesAnyMixOfFloatTypes) {
  for (const auto x_type : kTypes) {
    for (const auto w_type : kTypes) {
      for (const auto out : kTypes) {
        const auto x = random_array({5, 37}, 1, x_type);
        const auto w = random_array({9, 37}, 2, w_type);
        const auto bias = random_array({9}, 3, w_type);
        EXPECT_LT(
            max_difference(
                linear(x, w, bias, out), linear_reference(x, w, bias, out)),
            tolerance(37, out));
      }
    }
  }
}

TEST(Linear, UnpacksAffineWeights) {
  for (const int bits : {2, 3, 4, 5, 6, 8}) {
    for (const int group_size : {32, 64, 128}) {
      for (const auto type : kTypes) {
        const auto w = affine(13, 256, bits, group_size, type);
        const auto x = random_array({6, 256}, 1, type);
        const auto bias = random_array({13}, 2, type);
        EXPECT_LT(
            max_difference(
                linear(x, w, bias, mx::float32),
                linear_reference(x, w, bias, mx::float32)),
            1e-4f)
            << bits << " bits, groups of " << group_size;
      }
    }
  }
}

TEST(Linear, ReadsATransposedInput) {
  const auto x = mx::transpose(random_array({19, 6}, 1));
  const auto w = random_array({5, 19}, 2);
  EXPECT_TRUE(same_bits(
      linear(x, w, std::nullopt, mx::float32),
      linear(mx::contiguous(x), w, std::nullopt, mx::float32)));
}

template <class Weight>
void expect_rows_alone_as_in_a_batch(const mx::array& x, const Weight& w) {
  const auto together = linear(x, w, std::nullopt, x.dtype());
  for (const int size : {1, 2, 3, 5, 31, 32, 33}) {
    for (int at = 0; at + size <= x.shape(0); at += size) {
      ASSERT_TRUE(same_bits(
          linear(rows(x, at, at + size), w, std::nullopt, x.dtype()),
          rows(together, at, at + size)))
          << size << " rows at " << at;
    }
  }
}

TEST(Linear, GivesARowTheSameBitsInAnyBatch) {
  for (const auto type : kTypes) {
    const auto odd = random_array({64, 101}, 1, type);
    expect_rows_alone_as_in_a_batch(odd, random_array({35, 101}, 2, type));
    const auto even = random_array({64, 256}, 3, type);
    expect_rows_alone_as_in_a_batch(even, affine(35, 256, 4, 64, type));
    expect_rows_alone_as_in_a_batch(even, affine(35, 256, 8, 32, type));
  }
}

// 0.6 % is what rounding normal numbers to 8 bits costs.
TEST(Linear, RoundsActivationsWhereItIsToldTo) {
  const auto x = random_array({5, 256}, 1, mx::bfloat16);
  for (const auto& form : packed_forms()) {
    const auto w = quantized(random_array({70, 256}, 7), form);
    const auto exact = linear(x, w, std::nullopt, mx::float32);
    const auto rounded =
        linear(x, pack(w, Activations::kInt8), std::nullopt, mx::float32);
    const auto size = mx::sqrt(mx::mean(mx::square(exact)));
    auto error = mx::sqrt(mx::mean(mx::square(rounded - exact))) / size;
    const float relative = error.item<float>();
    EXPECT_LT(relative, 0.011f) << text(form);
    EXPECT_EQ(relative == 0, form.mode == QuantMode::kMxfp8) << text(form);
  }
}

TEST(Linear, GivesARoundedRowTheSameBitsInAnyBatch) {
  const auto x = random_array({64, 256}, 3, mx::bfloat16);
  for (const auto& form : packed_forms()) {
    expect_rows_alone_as_in_a_batch(
        x,
        pack(quantized(random_array({35, 256}, 7), form), Activations::kInt8));
  }
}

TEST(Linear, GivesTheSameBitsOnAnyNumberOfThreads) {
  const auto x = random_array({64, 256}, 3, mx::bfloat16);
  const auto dense = random_array({67, 256}, 2);
  const auto packed =
      pack(affine(67, 256, 4, 64, mx::float16), Activations::kInt8);
  set_kernel_threads(1);
  const auto one = linear_group(x, {{dense}, {packed}}, mx::float32);
  mx::eval(one);
  for (const int threads : {2, 3, 7}) {
    set_kernel_threads(threads);
    const auto many = linear_group(x, {{dense}, {packed}}, mx::float32);
    EXPECT_TRUE(same_bits(many[0], one[0]) && same_bits(many[1], one[1]))
        << threads;
  }
  set_kernel_threads(usable_cores());
}

} // namespace
} // namespace parallm
