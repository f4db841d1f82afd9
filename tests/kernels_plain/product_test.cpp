#include "kernels/linear/product.h"

#include <gtest/gtest.h>

#include "tests/kernels_plain/each_set.h"
#include "tests/kernels_plain/packed_weight.h"
#include "tests/support/numbers.h"

namespace parallm {
namespace {

using namespace test;

// Rows of x (rows, inputs), each padded with zeros as `product` wants them.
struct Input {
  int rows;
  int inputs;
  std::vector<float> padded;

  float at(int row, int k) const {
    return padded[static_cast<size_t>(row) * simd::round_up(inputs) + k];
  }
};

Input random_input(int rows, int inputs, uint32_t seed) {
  const auto values = random_floats(static_cast<size_t>(rows) * inputs, seed);
  const int padded = simd::round_up(inputs);
  Input x{rows, inputs, std::vector<float>(static_cast<size_t>(rows) * padded)};
  for (int row = 0; row < rows; ++row) {
    std::copy_n(
        &values[static_cast<size_t>(row) * inputs], inputs,
        &x.padded[static_cast<size_t>(row) * padded]);
  }
  return x;
}

ProductArgs args_for(const PackedWeight& w, const Input& x) {
  ProductArgs args;
  args.x = x.padded.data();
  args.rows = x.rows;
  args.inputs = w.inputs;
  args.outputs = args.end_output = w.outputs;
  args.form = w.form;
  args.weight = w.codes.data();
  args.scales = w.scales.data();
  args.biases = w.biases.data();
  args.scale_type = w.scale_type;
  args.group_size = w.group_size;
  return args;
}

std::vector<float> run(ProductArgs args) {
  std::vector<float> out(static_cast<size_t>(args.rows) * args.outputs, NAN);
  args.out = out.data();
  product(args);
  return out;
}

// Of float32 sums of 16 partial sums, relative to the size of what is summed.
constexpr double kTolerance = 1e-6;

void expect_exact(
    const std::vector<float>& ours, const PackedWeight& w, const Input& x) {
  for (int row = 0; row < x.rows; ++row) {
    for (int n = 0; n < w.outputs; ++n) {
      double sum = 0, size = 0;
      for (int k = 0; k < w.inputs; ++k) {
        const size_t i = static_cast<size_t>(n) * w.inputs + k;
        sum += w.numbers[i] * x.at(row, k);
        size += w.sizes[i] * std::abs(x.at(row, k));
      }
      const float y = ours[static_cast<size_t>(row) * w.outputs + n];
      ASSERT_LE(std::abs(y - sum), kTolerance * size)
          << "row " << row << " output " << n;
    }
  }
}

// Packed forms in their smallest and a larger group, dense ones at odd widths.
std::vector<PackedWeight> weights(int outputs) {
  std::vector<PackedWeight> all;
  const auto add = [&](WeightForm form, int inputs, int group_size,
                       FloatType scale_type) {
    all.push_back(
        random_weight(form, outputs, inputs, group_size, scale_type, 7));
  };
  for (const WeightForm form :
       {WeightForm::kF32, WeightForm::kF16, WeightForm::kBF16}) {
    for (const int inputs : {1, 16, 37, 64}) {
      add(form, inputs, 0, FloatType::kF32);
    }
  }
  for (const WeightForm form :
       {WeightForm::kAffine2, WeightForm::kAffine3, WeightForm::kAffine4,
        WeightForm::kAffine5, WeightForm::kAffine6, WeightForm::kAffine8}) {
    add(form, 32, 32, FloatType::kF32);
    add(form, 3 * 32, 32, FloatType::kF16);
    add(form, 3 * 64, 64, FloatType::kBF16);
  }
  add(WeightForm::kMxfp4, 5 * 32, 32, FloatType::kF32);
  add(WeightForm::kNvfp4, 5 * 16, 16, FloatType::kF32);
  add(WeightForm::kMxfp8, 5 * 32, 32, FloatType::kF32);
  return all;
}

TEST(PlainProduct, IsThatOfFloat64AtOddSizes) {
  for (const int outputs : {1, 3, 4, 9}) {
    for (const auto& w : weights(outputs)) {
      SCOPED_TRACE(text(w.form));
      for (const int rows : {1, 2, 5}) {
        const Input x = random_input(rows, w.inputs, 1);
        under_each_set([&] { expect_exact(run(args_for(w, x)), w, x); });
      }
    }
  }
}

TEST(PlainProduct, GivesARowTheSameBitsInAnyBatch) {
  for (const auto& w : weights(9)) {
    SCOPED_TRACE(text(w.form));
    const Input x = random_input(kProductRowBlock + 3, w.inputs, 2);
    under_each_set([&] {
      const auto together = run(args_for(w, x));
      for (int row = 0; row < x.rows; ++row) {
        ProductArgs args = args_for(w, x);
        args.x += static_cast<size_t>(row) * simd::round_up(w.inputs);
        args.rows = 1;
        const auto first = together.begin() + row * 9;
        ASSERT_TRUE(same_bits(run(args), {first, first + 9})) << row;
      }
    });
  }
}

TEST(PlainProduct, WritesThoseOutputsAloneThatItIsAskedFor) {
  for (const auto& w : weights(11)) {
    SCOPED_TRACE(text(w.form));
    const Input x = random_input(3, w.inputs, 3);
    under_each_set([&] {
      const auto all = run(args_for(w, x));
      ProductArgs args = args_for(w, x);
      args.first_output = 3;
      args.end_output = 8;
      const auto some = run(args);
      for (size_t i = 0; i < all.size(); ++i) {
        const bool asked = i % 11 >= 3 && i % 11 < 8;
        ASSERT_TRUE(asked ? some[i] == all[i] : std::isnan(some[i])) << i;
      }
    });
  }
}

TEST(PlainProduct, AddsTheBiasAndRoundsOnce) {
  const auto w =
      random_weight(WeightForm::kAffine4, 7, 64, 32, FloatType::kF16, 5);
  const Input x = random_input(4, 64, 4);
  std::mt19937 random(6);
  const auto bias = random_floats_of(FloatType::kBF16, 7, -1, 1, random);
  under_each_set([&] {
    const auto plain = run(args_for(w, x));
    for (const FloatType type : {FloatType::kF16, FloatType::kBF16}) {
      ProductArgs args = args_for(w, x);
      args.bias = bias.data();
      args.bias_type = FloatType::kBF16;
      args.out_type = type;
      std::vector<uint16_t> out(plain.size());
      args.out = out.data();
      product(args);
      for (size_t i = 0; i < out.size(); ++i) {
        const auto sum = static_cast<float>(
            plain[i] +
            static_cast<float>(float_at(FloatType::kBF16, bias, i % 7)));
        uint16_t rounded;
        store_row(type, &rounded, &sum, 1);
        ASSERT_EQ(out[i], rounded) << i;
      }
    }
  });
}

// Two scales of nvfp4 in one: the factor is of the whole tensor.
TEST(PlainProduct, MultipliesEveryScaleByTheFactor) {
  const auto w =
      random_weight(WeightForm::kNvfp4, 5, 48, 16, FloatType::kF32, 8);
  const Input x = random_input(2, 48, 5);
  under_each_set([&] {
    ProductArgs args = args_for(w, x);
    auto doubled = run(args);
    for (auto& value : doubled) {
      value *= 2;
    }
    args.scale_factor = 2;
    EXPECT_TRUE(same_bits(run(args), doubled));
  });
}

} // namespace
} // namespace parallm
