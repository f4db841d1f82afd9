#include "kernels/linear/linear.h"

#include <gtest/gtest.h>

#include "kernels/linear/product.h"
#include "tests/support/arrays.h"

namespace parallm {

// The versions behind `product`, made by PARALLM_MULTIVERSION.
#if defined(__x86_64__)
void product_avx512(const ProductArgs& args);
void product_avx2(const ProductArgs& args);
void product_baseline(const ProductArgs& args);
#endif

namespace {

using namespace test;

const mx::Dtype kTypes[] = {mx::float32, mx::float16, mx::bfloat16};

QuantizedWeight quantized(
    int outputs, int inputs, int bits, int group_size, mx::Dtype dtype) {
  const auto parts =
      mx::quantize(random_array({outputs, inputs}, 7, dtype), group_size, bits);
  return {parts[0], parts[1], parts[2], group_size, bits};
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
  for (const int bits : {4, 8}) {
    for (const int group_size : {32, 64, 128}) {
      for (const auto type : kTypes) {
        const auto w = quantized(13, 256, bits, group_size, type);
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
    expect_rows_alone_as_in_a_batch(even, quantized(35, 256, 4, 64, type));
    expect_rows_alone_as_in_a_batch(even, quantized(35, 256, 8, 32, type));
  }
}

#if defined(__x86_64__)
using Version = void (*)(const ProductArgs&);

std::vector<float> run(Version version, ProductArgs args) {
  std::vector<float> out(static_cast<size_t>(args.rows) * args.outputs);
  args.out = out.data();
  version(args);
  return out;
}

TEST(Linear, AgreesOnEveryInstructionSet) {
  auto w = quantized(21, 128, 4, 64, mx::float16);
  mx::eval(w.packed, w.scales, w.biases);
  const auto x = random_floats(7 * 128, 1);
  ProductArgs args;
  args.x = x.data();
  args.rows = 7;
  args.inputs = 128;
  args.outputs = args.end_output = 21;
  args.form = WeightForm::kAffine4;
  args.weight = w.packed.data<uint32_t>();
  args.scales = w.scales.data<uint16_t>();
  args.biases = w.biases.data<uint16_t>();
  args.scale_type = FloatType::kF16;
  args.group_size = 64;
  const auto plain = run(product_baseline, args);
  const auto host = simd::host_set();
  if (host >= simd::InstructionSet::kAvx2) {
    EXPECT_LT(max_difference(run(product_avx2, args), plain), 1e-4f);
  }
  if (host >= simd::InstructionSet::kAvx512) {
    EXPECT_LT(max_difference(run(product_avx512, args), plain), 1e-4f);
  }
}
#endif

} // namespace
} // namespace parallm
