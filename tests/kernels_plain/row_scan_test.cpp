#include "kernels/sample/row_scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/kernels_plain/each_set.h"
#include "tests/support/random_rows.h"

namespace parallm {
namespace {

using test::under_each_set;

constexpr float kNever = -std::numeric_limits<float>::infinity();
constexpr int kFirst = 4096; // id of the parts' first token

struct Case {
  std::vector<float> logits;
  RowPart part(float temperature = 1) const {
    return {
        logits.data(), static_cast<int>(logits.size()), kFirst, temperature};
  }
};

// Of odd sizes, with and without ties, some tokens impossible.
std::vector<Case> cases() {
  std::vector<Case> all;
  for (const int count :
       {1, 3, 15, 16, 17, 63, 64, 65, 129, 1000, 8191, 8192}) {
    for (const bool ties : {false, true}) {
      RandomRows random(static_cast<uint32_t>(count));
      Case c{random.logits(count, ties)};
      for (int i = 0; i < count / 9; ++i) {
        c.logits[random.below(count)] = kNever;
      }
      all.push_back(std::move(c));
    }
  }
  return all;
}

float largest_of(const PartExtent& extent) {
  return *std::max_element(extent.largest.begin(), extent.largest.end());
}

TEST(PlainRowScan, FindsTheLargest) {
  for (const Case& c : cases()) {
    const float largest = *std::max_element(c.logits.begin(), c.logits.end());
    under_each_set([&] {
      const PartExtent extent = extent_of(c.part());
      ASSERT_EQ(largest_of(extent), largest);
      ASSERT_FALSE(extent.has_nan);
    });
  }
}

TEST(PlainRowScan, FindsTheLargestOfEachLane) {
  Case c{std::vector<float>(100)};
  for (int i = 0; i < 100; ++i) {
    c.logits[i] = static_cast<float>(i);
  }
  under_each_set([&] {
    const PartExtent extent = extent_of(c.part());
    for (int lane = 0; lane < 16; ++lane) {
      ASSERT_EQ(extent.largest[lane], lane < 4 ? 96 + lane : 80 + lane);
    }
  });
}

TEST(PlainRowScan, SeesWhatIsNotANumberWhereverItLies) {
  for (const int count : {1, 16, 77, 200}) {
    for (int at = 0; at < count; ++at) {
      Case c{std::vector<float>(count, 1.0f)};
      c.logits[at] = at % 2 == 0 ? NAN : -NAN;
      under_each_set([&] { ASSERT_TRUE(extent_of(c.part()).has_nan) << at; });
      c.logits[at] = at % 2 == 0 ? INFINITY : -INFINITY;
      under_each_set([&] { ASSERT_FALSE(extent_of(c.part()).has_nan) << at; });
    }
  }
}

// Weights are within 1e-6 of their value, each, and added up in double.
TEST(PlainRowScan, WeighsAsFloat64) {
  for (const Case& c : cases()) {
    for (const float temperature : {1.0f, 0.7f, 1.9f}) {
      const float largest =
          *std::max_element(c.logits.begin(), c.logits.end()) / temperature;
      if (std::isinf(largest)) {
        continue;
      }
      for (const float least : {kNever, largest - 3, largest}) {
        double total = 0;
        for (const float logit : c.logits) {
          const float value = logit / temperature;
          total += value >= least ? std::exp(double{value} - largest) : 0;
        }
        under_each_set([&] {
          const double ours = weight_of(c.part(temperature), largest, least);
          ASSERT_NEAR(ours / total, 1, 1e-6) << c.logits.size();
        });
      }
    }
  }
}

TEST(PlainRowScan, NamesThePlacesAboveAFloor) {
  for (const Case& c : cases()) {
    for (const float floor : {kNever, -2.0f, 0.0f, 4.0f, 5.0f, 100.0f}) {
      std::vector<int32_t> expected;
      for (size_t i = 0; i < c.logits.size(); ++i) {
        if (c.logits[i] > floor) {
          expected.push_back(static_cast<int32_t>(i));
        }
      }
      under_each_set([&] {
        std::vector<int32_t> places(c.logits.size());
        places.resize(places_above(c.part(), floor, places.data()));
        ASSERT_EQ(places, expected) << floor;
      });
    }
  }
}

TEST(PlainRowScan, CountsTheTokensBefore) {
  for (const Case& c : cases()) {
    const auto count = static_cast<int>(c.logits.size());
    for (const int place : {-5, 0, count / 2, count - 1, count + 7}) {
      const float logit = c.logits[std::clamp(place, 0, count - 1)];
      int before = 0;
      for (int i = 0; i < count; ++i) {
        before += c.logits[i] > logit || (c.logits[i] == logit && i < place);
      }
      under_each_set([&] {
        ASSERT_EQ(tokens_before(c.part(), logit, kFirst + place), before);
      });
    }
  }
}

// Every score is computed, and the best of them taken.
BestScore drawn_plainly(
    const RowPart& part, float floor, NoiseKey noise, BestScore best) {
  for (int i = 0; i < part.count; ++i) {
    const int32_t id = part.first + i;
    const float value = part.logits[i] / part.temperature;
    if (value >= floor) {
      best.offer(value + gumbel_noise(noise, id), id);
    }
  }
  return best;
}

TEST(PlainRowScan, DrawsAsIfAllNoiseWereComputed) {
  uint64_t seed = 0;
  for (const Case& c : cases()) {
    for (const BestScore& best :
         {BestScore{}, BestScore{0, 7}, BestScore{9, 1 << 20},
          BestScore{40, 7}}) {
      for (const float floor : {kNever, 2.0f}) {
        const NoiseKey noise{
            ++seed << 30, static_cast<uint32_t>(seed % 5),
            static_cast<uint32_t>(seed)};
        const float temperature = seed % 3 == 0 ? 1.0f : 0.6f;
        const RowPart part = c.part(temperature);
        const BestScore expected = drawn_plainly(part, floor, noise, best);
        under_each_set([&] {
          const BestScore ours = draw_from(part, floor, noise, best);
          ASSERT_EQ(ours.id, expected.id);
          ASSERT_EQ(ours.score, expected.score);
        });
      }
    }
  }
}

TEST(PlainRowScan, EqualScoresGoToTheLowerId) {
  // At 1e9 floats are 64 apart, and no noise is as large.
  const Case c{std::vector<float>(200, 1e9f)};
  under_each_set([&] {
    EXPECT_EQ(draw_from(c.part(), kNever, {}, {}).id, kFirst);
    EXPECT_EQ(draw_from(c.part(), kNever, {}, {1e9f, 17}).id, 17);
    EXPECT_EQ(draw_from(c.part(), kNever, {}, {1e9f, 1 << 20}).id, kFirst);
  });
}

} // namespace
} // namespace parallm
