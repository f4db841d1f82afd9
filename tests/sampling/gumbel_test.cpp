#include "kernels/sample/gumbel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "kernels/sample/gumbel_array.h"
#include "tests/sampling/random_rows.h"

namespace parallm {
namespace {

using testing::ElementsAre;

// Known answers of the authors' library, Random123 (kat_vectors).
TEST(Philox, GivesTheAuthorsAnswers) {
  EXPECT_THAT(
      philox({0, 0, 0, 0}, 0, 0),
      ElementsAre(0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8));
  EXPECT_THAT(
      philox({~0u, ~0u, ~0u, ~0u}, ~0u, ~0u),
      ElementsAre(0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd));
  EXPECT_THAT(
      philox(
          {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0xa4093822,
          0x299f31d0),
      ElementsAre(0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1));
}

TEST(Gumbel, IsFiniteAndBoundedAtBothEnds) {
  EXPECT_LT(gumbel_of(uniform_of(0)), kLargestGumbel);
  EXPECT_GT(gumbel_of(uniform_of(0)), kLargestGumbel - 0.1f);
  EXPECT_GT(gumbel_of(uniform_of(~0u)), -3.0f);
}

TEST(Gumbel, ArrayFormIsEqualBitForBit) {
  const std::vector<NoiseKey> keys{
      {0, 0, 0}, {~0ull, 3, 1}, {0x123456789abcdefull, 0, 77777}};
  for (int vocab : {1, 2, 11, 127, 513}) {
    const auto noise = values_of<float>(gumbel_array(keys, vocab));
    for (size_t i = 0; i < noise.size(); ++i) {
      const size_t row = i / static_cast<size_t>(vocab);
      const auto token = static_cast<uint32_t>(i % static_cast<size_t>(vocab));
      ASSERT_EQ(noise[i], gumbel_noise(keys[row], token))
          << "vocab " << vocab << " row " << row << " token " << token;
    }
  }
}

// Chi-square of draws from a fixed distribution. The seeds are fixed, so the
// outcome is; the bound is the 99.9 % point for 10 degrees of freedom.
double chi_square(const std::function<NoiseKey(int)>& key_of) {
  const int vocab = 11;
  const int draws = 20000;
  std::vector<float> logits;
  double total = 0;
  for (int id = 0; id < vocab; ++id) {
    logits.push_back(0.25f * static_cast<float>((id * 7) % vocab));
    total += std::exp(logits.back());
  }
  std::vector<int> counts(vocab);
  for (int i = 0; i < draws; ++i) {
    DrawRow row;
    row.noise = key_of(i);
    const Drawn drawn = draw_row({logits.data(), vocab}, row, nullptr);
    ++counts[static_cast<size_t>(drawn.id)];
  }
  double sum = 0;
  for (size_t id = 0; id < counts.size(); ++id) {
    const double expected = draws * std::exp(logits[id]) / total;
    sum += (counts[id] - expected) * (counts[id] - expected) / expected;
  }
  return sum;
}

constexpr double kChiSquareBound = 29.6;

TEST(Gumbel, DrawsTheDistributionOverSeeds) {
  EXPECT_LT(
      chi_square([](int i) { return NoiseKey{static_cast<uint64_t>(i)}; }),
      kChiSquareBound);
}

TEST(Gumbel, DrawsTheDistributionOverPositionsOfOneSeed) {
  EXPECT_LT(
      chi_square([](int i) {
        return NoiseKey{42, 0, static_cast<uint32_t>(i)};
      }),
      kChiSquareBound);
}

TEST(Gumbel, DrawsTheDistributionOverChoicesOfOneSeed) {
  EXPECT_LT(
      chi_square([](int i) {
        return NoiseKey{42, static_cast<uint32_t>(i), 5};
      }),
      kChiSquareBound);
}

} // namespace
} // namespace parallm
