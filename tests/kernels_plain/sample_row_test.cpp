#include "kernels/sample/sample_row.h"

#include <gtest/gtest.h>

#include <limits>

#include "kernels/sample/sample_order.h"
#include "tests/kernels_plain/each_set.h"
#include "tests/sampling/naive_sampler.h"
#include "tests/support/random_rows.h"

namespace parallm {
namespace {

using test::under_each_set;

struct Result {
  Drawn drawn;
  std::vector<float> processed;
};

Result draw(const std::vector<float>& logits, const DrawRow& row) {
  Result result{{}, std::vector<float>(logits.size())};
  result.drawn = draw_row(
      {logits.data(), static_cast<int>(logits.size())}, row,
      result.processed.data());
  return result;
}

TEST(PlainSampleRow, DrawsAndKeepsAsTheNaiveStages) {
  for (const int vocab : {1, 2, 11, 127, 513, 4001}) {
    for (const bool ties : {false, true}) {
      RandomRows random(static_cast<uint32_t>(vocab));
      for (int i = 0; i < (vocab > 1000 ? 5 : 60); ++i) {
        const auto logits = random.logits(vocab, ties);
        const DrawRow row = random.row(vocab);
        const int id = naive::draw(logits, row);
        const auto kept = naive::processed(logits, row);
        under_each_set([&] {
          const Result ours = draw(logits, row);
          ASSERT_EQ(ours.drawn.status, DrawStatus::kDrawn);
          ASSERT_EQ(ours.drawn.id, id) << vocab << " row " << i;
          ASSERT_EQ(ours.processed, kept) << vocab << " row " << i;
        });
      }
    }
  }
}

TEST(PlainSampleRow, TellsWhatIsNotFiniteWhereverItLies) {
  for (const float poison : {std::nanf(""), INFINITY}) {
    for (int at = 0; at < 37; ++at) {
      std::vector<float> logits(37, 1.0f);
      logits[at] = poison;
      under_each_set([&] {
        ASSERT_EQ(draw(logits, {}).drawn.status, DrawStatus::kNotFinite) << at;
      });
    }
  }
}

// The first, if all are equal, by every path.
TEST(PlainSampleRow, GreedyTiesGoToTheLowerId) {
  DrawRow greedy;
  greedy.temperature = 0;
  for (int first = 0; first < 37; ++first) {
    std::vector<float> logits(37, -1.0f);
    std::fill(logits.begin() + first, logits.end(), 2.0f);
    under_each_set([&] { ASSERT_EQ(draw(logits, greedy).drawn.id, first); });
  }
}

// Of thousands of tokens, none likelier than others by much.
TEST(PlainSampleRow, AWideNucleusIsThatOfTheNaiveStages) {
  constexpr int kVocab = 20'011;
  RandomRows random(5);
  for (const float top_p : {0.5f, 0.9f, 0.99f}) {
    auto logits = random.logits(kVocab, top_p == 0.9f);
    DrawRow row;
    row.temperature = 3;
    row.top_p = top_p;
    row.noise.seed = 7;
    for (const float min_p : {0.0f, 0.02f}) {
      row.min_p = min_p;
      const int id = naive::draw(logits, row);
      const auto kept = naive::processed(logits, row);
      under_each_set([&] {
        const Result ours = draw(logits, row);
        ASSERT_EQ(ours.processed, kept) << top_p;
        ASSERT_EQ(ours.drawn.id, id);
      });
    }
  }
}

TEST(PlainSampleRow, AWideNucleusOfEqualsKeepsTheLowerIds) {
  const std::vector<float> logits(3000, 2.5f);
  DrawRow row;
  row.top_p = 0.5f;
  under_each_set([&] {
    const Result ours = draw(logits, row);
    EXPECT_LT(ours.drawn.id, 1500);
    for (int id = 0; id < 3000; ++id) {
      ASSERT_EQ(std::isinf(ours.processed[id]), id >= 1500) << id;
    }
  });
}

// Logits that differ may be equal once they are divided.
TEST(PlainSampleRow, EqualQuotientsAreTies) {
  DrawRow first;
  first.temperature = 1.9f;
  first.top_k = 1;
  const float large = 1.95f;
  const float less = std::nextafter(large, 0.0f);
  ASSERT_EQ(large / first.temperature, less / first.temperature);
  for (const int at : {0, 5, 17, 149}) {
    std::vector<float> logits(200);
    logits[at] = less;
    logits[150] = large;
    under_each_set([&] { ASSERT_EQ(draw(logits, first).drawn.id, at); });
  }
}

std::vector<int> first_ids(const std::vector<float>& values, int count) {
  std::vector<int> ids;
  const LogitRow row{values.data(), static_cast<int>(values.size())};
  for (const OrderKey key : first_in_order(row, extent_of(row), count)) {
    ids.push_back(id_of(key));
  }
  return ids;
}

TEST(PlainSampleOrder, TheFirstAreThoseOfAStableSort) {
  for (const bool ties : {false, true}) {
    RandomRows random(11);
    const auto values = random.logits(1003, ties);
    const auto all = naive::ordered(values);
    for (const int count : {0, 1, 5, 40, 300, 1002, 1003, 2000}) {
      const auto end = all.begin() + std::min(count, 1003);
      under_each_set([&] {
        ASSERT_EQ(first_ids(values, count), std::vector<int>(all.begin(), end));
      });
    }
  }
}

} // namespace
} // namespace parallm
