#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/sample/sample.h"
#include "tests/sampling/naive_sampler.h"
#include "tests/sampling/random_rows.h"

namespace parallm {
namespace {

struct Case {
  std::vector<std::vector<float>> logits;
  std::shared_ptr<DrawRows> rows = std::make_shared<DrawRows>();
};

Case random_case(RandomRows& random, int vocab, int rows, bool ties) {
  Case c;
  for (int r = 0; r < rows; ++r) {
    c.logits.push_back(random.logits(vocab, ties));
    c.rows->push_back(random.row(vocab));
  }
  return c;
}

struct Result {
  std::vector<int32_t> ids, status;
  std::vector<float> processed;
};

Result read(const Draws& draws) {
  return {
      values_of<int32_t>(draws.ids), values_of<int32_t>(draws.status),
      draws.processed ? values_of<float>(*draws.processed)
                      : std::vector<float>{}};
}

// The reference adds up probabilities in float32, the kernel in double: over
// many tokens they may not see the edge of top_p at the same of two tokens
// that are hardly likely. All else is equal.
void expect_same_but_for_the_edge(
    const std::vector<float>& a, const std::vector<float>& b) {
  ASSERT_EQ(a.size(), b.size());
  size_t edge = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const bool dropped_by_one = std::isinf(a[i]) != std::isinf(b[i]);
    edge += dropped_by_one;
    ASSERT_TRUE(dropped_by_one || a[i] == b[i]) << a[i] << " " << b[i];
  }
  EXPECT_LE(edge * 20'000, a.size()) << edge << " of " << a.size();
}

class DrawAtVocab : public testing::TestWithParam<int> {
 protected:
  int rows() const { return GetParam() > 1000 ? 6 : 400; }
};

TEST_P(DrawAtVocab, EqualsTheNaiveStages) {
  for (bool ties : {false, true}) {
    RandomRows random(7u + static_cast<uint32_t>(GetParam()));
    const Case c = random_case(random, GetParam(), rows(), ties);
    const Result got = read(draw(as_array(c.logits), c.rows));
    size_t wanting = 0;
    for (size_t r = 0; r < c.logits.size(); ++r) {
      const DrawRow& row = (*c.rows)[r];
      ASSERT_EQ(got.status[r], 0);
      ASSERT_EQ(got.ids[r], naive::draw(c.logits[r], row)) << "row " << r;
      if (row.wants_processed) {
        const auto expected = naive::processed(c.logits[r], row);
        const auto at = got.processed.begin() +
                        static_cast<long>(wanting++ * expected.size());
        ASSERT_TRUE(std::equal(expected.begin(), expected.end(), at));
      }
    }
    EXPECT_EQ(got.processed.size(), wanting * static_cast<size_t>(GetParam()));
  }
}

TEST_P(DrawAtVocab, EqualsTheReferenceInMlxOperations) {
  for (bool ties : {false, true}) {
    RandomRows random(70u + static_cast<uint32_t>(GetParam()));
    const Case c = random_case(random, GetParam(), rows(), ties);
    const Result kernel = read(draw(as_array(c.logits), c.rows));
    const Result reference = read(draw_reference(as_array(c.logits), *c.rows));
    EXPECT_EQ(kernel.ids, reference.ids);
    EXPECT_EQ(kernel.status, reference.status);
    expect_same_but_for_the_edge(kernel.processed, reference.processed);
  }
}

INSTANTIATE_TEST_SUITE_P(
    OddSizes, DrawAtVocab, testing::Values(1, 2, 11, 127, 513, 32000));

// Both forms; the second is what other devices run.
using Form = Draws (*)(const mx::array&, std::shared_ptr<const DrawRows>);
Draws reference(const mx::array& logits, std::shared_ptr<const DrawRows> rows) {
  return draw_reference(logits, *rows);
}

class DrawForm : public testing::TestWithParam<Form> {
 protected:
  Result run(const Case& c) {
    return read(GetParam()(as_array(c.logits), c.rows));
  }
  Drawn one(const std::vector<float>& logits, const DrawRow& row) {
    const Result result =
        run({{logits}, std::make_shared<DrawRows>(DrawRows{row})});
    return {result.ids[0], static_cast<DrawStatus>(result.status[0])};
  }
};

TEST_P(DrawForm, ARowIsTheSameAloneAndAmongNeighbours) {
  RandomRows random(3);
  Case all = random_case(random, 127, 64, false);
  const Result together = run(all);
  size_t wanting = 0;
  for (size_t r = 0; r < all.logits.size(); ++r) {
    const Result alone = run(
        {{all.logits[r]},
         std::make_shared<DrawRows>(DrawRows{(*all.rows)[r]})});
    ASSERT_EQ(alone.ids[0], together.ids[r]);
    if ((*all.rows)[r].wants_processed) {
      const auto at =
          together.processed.begin() + static_cast<long>(127 * wanting++);
      ASSERT_TRUE(
          std::equal(alone.processed.begin(), alone.processed.end(), at));
    }
  }
}

TEST_P(DrawForm, GreedyTiesGoToTheLowerId) {
  DrawRow greedy;
  greedy.temperature = 0.9e-5f;
  EXPECT_EQ(one({1, 5, 5, 2, 5}, greedy).id, 1);
  EXPECT_EQ(one({0.0f, -0.0f}, greedy).id, 0);
  EXPECT_EQ(one({-0.0f, 0.0f}, greedy).id, 0);
}

// At 1e9 floats are 64 apart, and no noise is as large: all sums are equal.
TEST_P(DrawForm, EqualSumsOfValueAndNoiseGoToTheLowerId) {
  std::vector<float> logits(40, 1e9f);
  logits[0] = 0;
  DrawRow row;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    row.noise.seed = seed;
    EXPECT_EQ(one(logits, row).id, 1);
    row.top_k = static_cast<int>(seed);
  }
}

TEST_P(DrawForm, TopKKeepsExactlyKWithTiesToTheLowerId) {
  DrawRow row;
  row.top_k = 2;
  const std::vector<float> logits{1, 7, 7, 7, 7, 7, 1, 1, 7, 7, 7};
  for (uint64_t seed = 0; seed < 40; ++seed) {
    row.noise.seed = seed;
    const int id = one(logits, row).id;
    EXPECT_TRUE(id == 1 || id == 2) << id;
  }
}

TEST_P(DrawForm, TopKOfOneIsGreedy) {
  RandomRows random(9);
  for (int i = 0; i < 20; ++i) {
    const auto logits = random.logits(127, true);
    DrawRow greedy, one_of_one;
    greedy.temperature = 0;
    one_of_one.top_k = 1;
    EXPECT_EQ(one(logits, greedy).id, one(logits, one_of_one).id);
  }
}

TEST_P(DrawForm, TopPKeepsAtLeastOneAndStopsWhereTheSumIsReached) {
  DrawRow row;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    row.noise.seed = seed;
    row.top_p = 0;
    EXPECT_EQ(one({1, 3, 2, 3}, row).id, 1);
    row.top_p = 0.5f; // of four equal tokens: exactly two
    EXPECT_LT(one({2, 2, 2, 2}, row).id, 2);
  }
}

TEST_P(DrawForm, MinPOfOneKeepsOnlyTheLargestAndItsTies) {
  DrawRow row;
  row.min_p = 1;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    row.noise.seed = seed;
    const int id = one({1, 3, 2.9f, 3}, row).id;
    EXPECT_TRUE(id == 1 || id == 3) << id;
  }
}

TEST_P(DrawForm, ABiasCannotBringBackAMaskedToken) {
  DrawRow row;
  row.temperature = 0;
  row.edits = std::make_shared<const std::vector<LogitEdit>>(
      std::vector<LogitEdit>{{.id = 0, .bias = 1000}});
  EXPECT_EQ(one({1, 2, 3}, row).id, 0);
  row.banned = {0};
  EXPECT_EQ(one({1, 2, 3}, row).id, 2);
  row.allowed =
      std::make_shared<const std::vector<int32_t>>(std::vector<int32_t>{0, 1});
  EXPECT_EQ(one({1, 2, 3}, row).id, 1);
}

TEST_P(DrawForm, AnEmptyMaskFailsThatRowOnly) {
  RandomRows random(5);
  Case c = random_case(random, 11, 3, false);
  const Result before = run(c);
  (*c.rows)[1].allowed =
      std::make_shared<const std::vector<int32_t>>(std::vector<int32_t>{4});
  (*c.rows)[1].banned = {4};
  const Result after = run(c);
  EXPECT_EQ(after.status[1], static_cast<int32_t>(DrawStatus::kNothingLeft));
  EXPECT_EQ(after.ids[1], 0);
  EXPECT_EQ(after.ids[0], before.ids[0]);
  EXPECT_EQ(after.ids[2], before.ids[2]);
}

TEST_P(DrawForm, LogitsThatAreNotNumbersFailTheirRowOnly) {
  const float inf = std::numeric_limits<float>::infinity();
  for (float poison : {std::nanf(""), inf}) {
    for (size_t place : {0u, 6u, 126u}) {
      RandomRows random(6);
      Case c = random_case(random, 127, 3, false);
      const Result before = run(c);
      c.logits[1][place] = poison;
      const Result after = run(c);
      EXPECT_EQ(after.status[1], static_cast<int32_t>(DrawStatus::kNotFinite));
      EXPECT_EQ(after.ids[1], 0);
      EXPECT_EQ(after.ids[0], before.ids[0]);
      EXPECT_EQ(after.ids[2], before.ids[2]);
    }
  }
  EXPECT_EQ(one({-inf, -inf}, {}).status, DrawStatus::kNotFinite);
  EXPECT_EQ(one({-inf, 1}, {}).id, 1);
}

TEST(Draw, RefusesLogitsThatDoNotFit) {
  const auto from = [](const mx::array& logits) {
    return draw(logits, std::make_shared<const DrawRows>(2));
  };
  EXPECT_NO_THROW(from(mx::zeros({2, 5})));
  EXPECT_ANY_THROW(from(mx::zeros({1, 5})));
  EXPECT_ANY_THROW(from(mx::zeros({2})));
  EXPECT_ANY_THROW(from(mx::zeros({2, 1, 5})));
  EXPECT_ANY_THROW(from(mx::zeros({2, 5}, mx::bfloat16)));
}

INSTANTIATE_TEST_SUITE_P(
    BothForms,
    DrawForm,
    testing::Values(&draw, &reference),
    [](const auto& form) { return form.index == 0 ? "Kernel" : "Reference"; });

} // namespace
} // namespace parallm
