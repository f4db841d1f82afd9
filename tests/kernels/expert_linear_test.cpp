#include "kernels/experts/expert_linear.h"

#include <gtest/gtest.h>

#include <numeric>

#include "base/check.h"
#include "kernels/experts/expert_groups.h"
#include "tests/support/packed_weights.h"

namespace parallm {
namespace {

using namespace test;

const mx::Dtype kTypes[] = {mx::float32, mx::float16, mx::bfloat16};

mx::array random_ids(int tokens, int places, int experts, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<int32_t> ids(static_cast<size_t>(tokens) * places);
  for (auto& id : ids) {
    id = static_cast<int32_t>(random() % experts);
  }
  return mx::reshape(ints(ids), {tokens, places});
}

// One place of one token after the other, in float64; the largest error by the
// size of what is added up.
double relative_error(
    const mx::array& y,
    const mx::array& x,
    const mx::array& ids,
    const mx::array& weight,
    const std::optional<mx::array>& bias = std::nullopt) {
  const int places = ids.shape(1), outputs = weight.shape(1);
  const int inputs = weight.shape(2), sharers = x.ndim() == 2 ? places : 1;
  const auto ours = floats(y), rows = floats(x), w = floats(weight);
  const auto experts = floats(ids);
  const auto added = bias ? floats(*bias) : std::vector<float>{};
  double most = 0;
  for (size_t pair = 0; pair < experts.size(); ++pair) {
    const float* row = &rows[pair / sharers * inputs];
    for (int n = 0; n < outputs; ++n) {
      const size_t output = static_cast<size_t>(experts[pair]) * outputs + n;
      double sum = bias ? added[output] : 0, size = std::abs(sum);
      for (int k = 0; k < inputs; ++k) {
        const double term = double{row[k]} * w[output * inputs + k];
        sum += term;
        size += std::abs(term);
      }
      most = std::max(most, std::abs(ours[pair * outputs + n] - sum) / size);
    }
  }
  return most;
}

TEST(ExpertLinear, EqualsALoopOverTokensAtOddSizes) {
  for (const int tokens : {1, 2, 7, 40}) {
    for (const int places : {1, 3}) {
      for (const int experts : {1, 5}) {
        for (const int inputs : {1, 17, 48}) {
          for (const int outputs : {1, 6}) {
            const auto w = random_array({experts, outputs, inputs}, 1);
            const auto bias = random_array({experts, outputs}, 2);
            const auto ids = random_ids(tokens, places, experts, 3);
            const auto shared = random_array({tokens, inputs}, 4);
            const auto own = random_array({tokens, places, inputs}, 5);
            for (const auto& x : {shared, own}) {
              const auto y = expert_linear(x, ids, w, bias, mx::float32);
              ASSERT_EQ(y.shape(), (mx::Shape{tokens, places, outputs}));
              ASSERT_LT(relative_error(y, x, ids, w, bias), 1e-6)
                  << tokens << " by " << places << ", " << experts
                  << " experts, " << inputs << " to " << outputs;
            }
          }
        }
      }
    }
  }
}

TEST(ExpertLinear, TakesAnyMixOfFloatTypes) {
  const auto ids = random_ids(6, 2, 4, 1);
  for (const auto x_type : kTypes) {
    for (const auto w_type : kTypes) {
      for (const auto out : kTypes) {
        const auto x = random_array({6, 37}, 1, x_type);
        const auto w = random_array({4, 9, 37}, 2, w_type);
        const auto bias = random_array({4, 9}, 3, x_type);
        const auto y = expert_linear(x, ids, w, bias, out);
        EXPECT_EQ(y.dtype(), out);
        EXPECT_LT(
            max_difference(y, expert_linear_reference(x, ids, w, bias, out)),
            32 * rounding(out));
      }
    }
  }
}

TEST(ExpertLinear, MultipliesByWhatMlxUnpacks) {
  const auto ids = random_ids(9, 3, 4, 1);
  const auto bias = random_array({4, 7}, 2, mx::bfloat16);
  for (const auto& form : packed_forms()) {
    const auto w = quantized(random_array({4, 7, 128}, 3), form);
    for (const auto& x :
         {random_array({9, 128}, 4), random_array({9, 3, 128}, 5)}) {
      const auto y = expert_linear(x, ids, w, bias, mx::float32);
      EXPECT_LT(relative_error(y, x, ids, dequantized(w), bias), 1e-6)
          << text(form);
      EXPECT_LT(
          max_difference(
              y, expert_linear_reference(x, ids, w, bias, mx::float32)),
          1e-4f)
          << text(form);
    }
  }
}

// As mlx-lm packs experts with a global scale each: the largest number.
TEST(ExpertLinear, ScalesEachExpertOfNvfp4ByItsGlobalScale) {
  const auto dense = random_array({3, 5, 64}, 1);
  std::vector<mx::array> packed, scales, numbers, globals;
  for (int e = 0; e < 3; ++e) {
    const auto w = mx::squeeze(rows(dense, e, e + 1), 0) *
                   mx::array(std::pow(10.0f, static_cast<float>(e)));
    globals.push_back(mx::max(mx::abs(w)));
    const auto parts = mx::quantize(w, 16, 4, "nvfp4", globals.back());
    packed.push_back(parts[0]);
    scales.push_back(parts[1]);
    numbers.push_back(mx::dequantize(
        parts[0], parts[1], std::nullopt, 16, 4, "nvfp4", globals.back(),
        mx::float32));
  }
  const QuantizedWeight w{
      mx::stack(packed), mx::stack(scales), std::nullopt, 16, 4,
      QuantMode::kNvfp4, mx::stack(globals)};
  const auto x = random_array({6, 64}, 2);
  const auto ids = random_ids(6, 2, 3, 3);
  const auto y = expert_linear(x, ids, w, std::nullopt, mx::float32);
  EXPECT_LT(relative_error(y, x, ids, mx::stack(numbers)), 1e-6);
  EXPECT_LT(
      relative_error(
          expert_linear_reference(x, ids, w, std::nullopt, mx::float32), x, ids,
          mx::stack(numbers)),
      1e-6);
}

// More rows than the kernel multiplies at a time; the others have none.
TEST(ExpertLinear, SendsAllTokensToOneExpert) {
  const auto w = random_array({6, 5, 33}, 1);
  const auto x = random_array({70, 33}, 2);
  for (const int expert : {0, 3, 5}) {
    const auto ids = mx::full({70, 1}, expert, mx::int32);
    EXPECT_LT(
        relative_error(
            expert_linear(x, ids, w, std::nullopt, mx::float32), x, ids, w),
        1e-6);
  }
}

TEST(ExpertLinear, TakesAStepWithoutTokens) {
  const auto y = expert_linear(
      mx::zeros({0, 16}), mx::zeros({0, 2}, mx::int32), mx::ones({3, 4, 16}),
      std::nullopt, mx::float32);
  EXPECT_EQ(floats(y).size(), 0);
  EXPECT_EQ(y.shape(), (mx::Shape{0, 2, 4}));
}

TEST(ExpertLinear, ReadsTransposedInputsAndIds) {
  const auto w = random_array({4, 5, 19}, 1);
  const auto x = mx::transpose(random_array({19, 6}, 2));
  const auto ids = mx::transpose(random_ids(2, 6, 4, 3));
  EXPECT_TRUE(same_bits(
      expert_linear(x, ids, w, std::nullopt, mx::float32),
      expert_linear(
          mx::contiguous(x), mx::contiguous(ids), w, std::nullopt,
          mx::float32)));
}

template <class Weight>
void expect_tokens_alone_as_in_a_batch(
    const mx::array& x, const mx::array& ids, const Weight& w) {
  const auto together = expert_linear(x, ids, w, std::nullopt, x.dtype());
  for (const int size : {1, 2, 5, 32}) {
    for (int at = 0; at + size <= x.shape(0); at += size) {
      ASSERT_TRUE(same_bits(
          expert_linear(
              rows(x, at, at + size), rows(ids, at, at + size), w, std::nullopt,
              x.dtype()),
          rows(together, at, at + size)))
          << size << " tokens at " << at;
    }
  }
}

TEST(ExpertLinear, GivesATokenTheSameBitsInAnyBatch) {
  const auto ids = random_ids(70, 2, 3, 1);
  for (const auto type : kTypes) {
    const auto odd = random_array({3, 11, 101}, 2, type);
    expect_tokens_alone_as_in_a_batch(
        random_array({70, 101}, 3, type), ids, odd);
    expect_tokens_alone_as_in_a_batch(
        random_array({70, 2, 101}, 4, type), ids, odd);
  }
  for (const auto& form : packed_forms()) {
    SCOPED_TRACE(text(form));
    expect_tokens_alone_as_in_a_batch(
        random_array({70, 128}, 3, mx::bfloat16), ids,
        quantized(random_array({3, 11, 128}, 2), form));
  }
}

TEST(ExpertLinear, GivesARowTheBitsOfLinear) {
  const auto x = random_array({5, 64}, 1), w = random_array({3, 7, 64}, 2);
  const auto bias = random_array({3, 7}, 3);
  for (int e = 0; e < 3; ++e) {
    const auto ids = mx::full({5, 1}, e, mx::int32);
    EXPECT_TRUE(same_bits(
        mx::squeeze(expert_linear(x, ids, w, bias, mx::float16), 1),
        linear(
            x, mx::squeeze(rows(w, e, e + 1), 0),
            mx::squeeze(rows(bias, e, e + 1), 0), mx::float16)));
  }
}

TEST(ExpertLinear, RefusesAnExpertThatIsNotThere) {
  for (const int id : {-1, 3}) {
    EXPECT_ANY_THROW({
      auto y = expert_linear(
          mx::ones({1, 16}), mx::full({1, 1}, id, mx::int32),
          mx::ones({3, 4, 16}), std::nullopt, mx::float32);
      y.eval();
      mx::synchronize();
    }) << id;
  }
}

TEST(ExpertLinear, RefusesShapesThatDoNotFit) {
  const auto w = mx::ones({3, 4, 16});
  const auto multiply = [&](const mx::Shape& x, const mx::Shape& ids) {
    expert_linear(
        mx::ones(x), mx::zeros(ids, mx::int32), w, std::nullopt, mx::float32);
  };
  EXPECT_NO_THROW(multiply({2, 16}, {2, 3}));
  EXPECT_NO_THROW(multiply({2, 3, 16}, {2, 3}));
  EXPECT_THROW(multiply({2, 15}, {2, 3}), CheckFailed);
  EXPECT_THROW(multiply({2, 1, 16}, {2, 3}), CheckFailed);
  EXPECT_THROW(multiply({3, 16}, {2, 3}), CheckFailed);
  EXPECT_THROW(multiply({2, 16}, {2}), CheckFailed);
}

std::vector<int> rows_of(const ExpertGroups& groups, int expert) {
  const auto rows = groups.rows(expert);
  return {rows.begin(), rows.end()};
}

TEST(ExpertGroups, HoldEachRowOnceInOrder) {
  const std::vector<int32_t> ids = {2, 0, 2, 4, 0, 2};
  const ExpertGroups groups(ids, 5);
  EXPECT_EQ(rows_of(groups, 0), (std::vector<int>{1, 4}));
  EXPECT_EQ(rows_of(groups, 1), (std::vector<int>{}));
  EXPECT_EQ(rows_of(groups, 2), (std::vector<int>{0, 2, 5}));
  EXPECT_EQ(rows_of(groups, 3), (std::vector<int>{}));
  EXPECT_EQ(rows_of(groups, 4), (std::vector<int>{3}));
}

TEST(ExpertGroups, RefuseAnExpertThatIsNotThere) {
  EXPECT_THROW(ExpertGroups(std::vector<int32_t>{0, 5}, 5), CheckFailed);
  EXPECT_THROW(ExpertGroups(std::vector<int32_t>{-1}, 5), CheckFailed);
}

} // namespace
} // namespace parallm
