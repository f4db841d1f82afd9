#include <gtest/gtest.h>

#include <numeric>

#include "kernels/linear/packed_numbers.h"
#include "tests/support/packed_weights.h"

namespace parallm {
namespace {

using namespace test;

constexpr int kTokens = 9;

// x times w transposed in float64, and the size of what is added up.
struct Exact {
  std::vector<double> sums; // (T, N)
  std::vector<double> sizes;
};

Exact exact_product(const mx::array& x, const mx::array& w) {
  const auto rows = floats(x), weights = floats(w);
  const int inputs = w.shape(1), outputs = w.shape(0);
  Exact exact;
  for (int t = 0; t < x.shape(0); ++t) {
    for (int n = 0; n < outputs; ++n) {
      double sum = 0, size = 0;
      for (int k = 0; k < inputs; ++k) {
        const double term =
            double{rows[t * inputs + k]} * weights[n * inputs + k];
        sum += term;
        size += std::abs(term);
      }
      exact.sums.push_back(sum);
      exact.sizes.push_back(size);
    }
  }
  return exact;
}

void expect_first_rows(const Exact& exact, const mx::array& y) {
  const auto ours = floats(y);
  for (size_t i = 0; i < ours.size(); ++i) {
    ASSERT_LE(std::abs(ours[i] - exact.sums[i]), 1e-6 * exact.sizes[i]) << i;
  }
}

TEST(PackedLinear, MultipliesByWhatMlxUnpacksAtOddSizes) {
  for (const auto& form : packed_forms()) {
    for (const int groups : {1, 3}) {
      for (const int outputs : {1, 3, 4, 9}) {
        SCOPED_TRACE(fmt::format("{} by {} groups", text(form), groups));
        // MLX itself unpacks nothing shorter than 32 inputs.
        const int inputs = groups * std::max(form.group_size, 32);
        const auto w = quantized(random_array({outputs, inputs}, 7), form);
        const auto x = random_array({kTokens, inputs}, 1);
        const auto exact = exact_product(x, dequantized(w));
        for (int tokens = 1; tokens <= kTokens; ++tokens) {
          const auto y =
              linear(rows(x, 0, tokens), w, std::nullopt, mx::float32);
          ASSERT_EQ(y.shape(), (mx::Shape{tokens, outputs}));
          expect_first_rows(exact, y);
        }
      }
    }
  }
}

TEST(PackedLinear, AgreesWithMlxsOwnProduct) {
  for (const auto& form : packed_forms()) {
    const auto w = quantized(random_array({13, 256}, 7), form);
    const auto x = random_array({6, 256}, 1);
    const auto bias = random_array({13}, 2);
    EXPECT_LT(
        max_difference(
            linear(x, w, bias, mx::float32),
            linear_reference(x, w, bias, mx::float32)),
        1e-4f)
        << text(form);
  }
}

TEST(PackedLinear, GivesARowTheSameBitsInAnyBatch) {
  for (const auto& form : packed_forms()) {
    const auto w = quantized(random_array({7, 256}, 7), form);
    const auto x = random_array({33, 256}, 1, mx::bfloat16);
    const auto together = linear(x, w, std::nullopt, mx::float32);
    for (const int size : {1, 2, 5, 32}) {
      for (int at = 0; at + size <= x.shape(0); at += size) {
        ASSERT_TRUE(same_bits(
            linear(rows(x, at, at + size), w, std::nullopt, mx::float32),
            rows(together, at, at + size)))
            << text(form) << ": " << size << " rows at " << at;
      }
    }
  }
}

mx::array unpacked(const QuantizedWeight& w) {
  return panel_rows(
      pack(w, Activations::kFloat32), mx::arange(w.packed.shape(0), mx::int32),
      mx::float32);
}

std::vector<uint8_t> all_bytes() {
  std::vector<uint8_t> bytes(256);
  std::iota(bytes.begin(), bytes.end(), uint8_t{0});
  return bytes;
}

// Both not numbers, or the same.
void expect_equal(const std::vector<float>& a, const std::vector<float>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    ASSERT_TRUE(std::isnan(a[i]) ? std::isnan(b[i]) : a[i] == b[i])
        << i << ": " << a[i] << " and " << b[i];
  }
}

// Each byte of weights, a code or two, in a row with each scale.
void expect_every_code_under_every_scale(const PackedForm& form) {
  const auto bytes = all_bytes();
  const auto codes = mx::view(
      mx::array(bytes.begin(), mx::Shape{1, 256}, mx::uint8), mx::uint32);
  const int inputs = 256 * 8 / form.bits, groups = inputs / form.group_size;
  const QuantizedWeight w{
      mx::contiguous(mx::broadcast_to(codes, {256, 64})),
      mx::contiguous(mx::broadcast_to(
          mx::array(bytes.begin(), mx::Shape{256, 1}, mx::uint8),
          {256, groups})),
      std::nullopt,
      form.group_size,
      form.bits,
      form.mode};
  expect_equal(floats(unpacked(w)), floats(dequantized(w)));
}

TEST(PanelRows, UnpackEveryCodeUnderEveryScaleExactlyAsMlx) {
  const auto forms = packed_forms();
  for (int i = 0; i < 3; ++i) {
    SCOPED_TRACE(text(forms[i]));
    expect_every_code_under_every_scale(forms[i]);
  }
}

TEST(PanelRows, AreWhatMlxUnpacksToTheLastBitOfFloat32) {
  for (const auto& form : packed_forms()) {
    SCOPED_TRACE(text(form));
    const auto w = quantized(random_array({67, 128}, 7), form);
    expect_equal(floats(unpacked(w)), floats(dequantized(w)));
  }
}

TEST(PanelRows, AreThoseAskedForAndNoOthers) {
  const auto w = quantized(random_array({67, 128}, 7), packed_forms()[0]);
  const auto all = unpacked(w), ids = ints({66, 0, 32, 0, 31});
  const auto weight = pack(w, Activations::kFloat32);
  EXPECT_TRUE(
      same_bits(panel_rows(weight, ids, mx::float32), mx::take(all, ids, 0)));
  for (const int id : {-1, 67}) {
    EXPECT_ANY_THROW({
      auto rows = panel_rows(weight, ints({0, id}), mx::float32);
      rows.eval();
      mx::synchronize();
    }) << id;
  }
}

TEST(PackedNumbers, ReadsOneScaleAsARowOfThemIsRead) {
  std::vector<uint16_t> patterns(1 << 16);
  std::iota(patterns.begin(), patterns.end(), uint16_t{0});
  for (const auto type : {FloatType::kF16, FloatType::kBF16}) {
    std::vector<float> row(1 << 16), single;
    simd::load_row(type, row.data(), patterns.data(), 1 << 16);
    for (int i = 0; i < 1 << 16; ++i) {
      single.push_back(simd::at(type, patterns.data(), i));
    }
    EXPECT_TRUE(same_bits(row, single));
  }
}

// A scale of 1 and a bias of 0 leave the codes; inputs one by one, too.
TEST(PackedLinear, ReadsACodeWhereverItLies) {
  const auto eye = mx::eye(128);
  for (const int bits : {2, 3, 4, 5, 6, 8}) {
    const int words = 128 * bits / 32;
    const auto packed = mx::random::bits({5, words}, 4, mx::random::key(bits));
    const QuantizedWeight w{
        packed, mx::ones({5, 4}), mx::zeros({5, 4}), 32, bits};
    const auto y = linear(eye, w, std::nullopt, mx::float32);
    EXPECT_EQ(floats(mx::transpose(y)), floats(dequantized(w))) << bits;
  }
}

} // namespace
} // namespace parallm
