#include "text/stop_matcher.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/text/naive_stop.h"

namespace parallm {
namespace {

using test::naive_stop;
using test::Stopped;

Stopped run(
    const std::vector<std::string>& pieces,
    const std::vector<std::string>& stops,
    bool include_stop) {
  StopMatcher matcher(stops, include_stop);
  Stopped result;
  for (const auto& piece : pieces) {
    result.stop = matcher.push(piece, result.shown);
    if (result.stop >= 0) {
      return result;
    }
  }
  matcher.finish(result.shown);
  return result;
}

TEST(StopMatcher, FindsAStopStringAcrossPieces) {
  EXPECT_EQ(
      run({"Hel", "lo", " wor", "ld"}, {"o w"}, false), (Stopped{"Hell", 0}));
  EXPECT_EQ(
      run({"Hel", "lo", " wor", "ld"}, {"o w"}, true), (Stopped{"Hello w", 0}));
}

TEST(StopMatcher, HoldsBackOnlyWhatMayStillBecomeAStop) {
  StopMatcher matcher({"END"}, false);
  std::string shown;
  matcher.push("an E", shown);
  EXPECT_EQ(shown, "an ");
  matcher.push("N", shown);
  EXPECT_EQ(shown, "an ");
  matcher.push("x", shown);
  EXPECT_EQ(shown, "an ENx");
}

TEST(StopMatcher, ReleasesWhatItHeldAtTheEnd) {
  EXPECT_EQ(run({"the EN"}, {"END"}, false), (Stopped{"the EN", -1}));
}

TEST(StopMatcher, TakesTheEarliestEndThenTheLongest) {
  EXPECT_EQ(run({"abcd"}, {"bcd", "c"}, false), (Stopped{"ab", 1}));
  EXPECT_EQ(run({"abcd"}, {"c", "bc", "abc"}, false), (Stopped{"", 2}));
}

TEST(StopMatcher, FindsStopsThatOverlapThemselves) {
  EXPECT_EQ(run({"aa", "aab"}, {"aab"}, false), (Stopped{"aa", 0}));
  EXPECT_EQ(run({"aba", "bac"}, {"abac"}, false), (Stopped{"ab", 0}));
}

TEST(StopMatcher, EqualsTheNaiveOneForEverySplit) {
  const std::string text = "aabaabbaaab";
  const std::vector<std::vector<std::string>> sets = {
      {"abb"}, {"aabb", "ba"}, {"baaab", "bb"}, {"x"}, {"aaab", "aab"}};
  for (const auto& stops : sets) {
    for (uint32_t cuts = 0; cuts < 1u << (text.size() - 1); ++cuts) {
      std::vector<std::string> pieces{""};
      for (size_t at = 0; at < text.size(); ++at) {
        pieces.back() += text[at];
        if (cuts >> at & 1) {
          pieces.emplace_back();
        }
      }
      ASSERT_EQ(run(pieces, stops, false), naive_stop(text, stops, false));
    }
  }
}

std::string random_text(std::mt19937& random, int limit) {
  std::string text;
  const int size = std::uniform_int_distribution(0, limit)(random);
  for (int at = 0; at < size; ++at) {
    text += "ab\xC3\xA9"[random() % 4];
  }
  return text;
}

TEST(StopMatcher, EqualsTheNaiveOneOnRandomTexts) {
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::string> stops(1 + random() % 4);
    for (auto& stop : stops) {
      stop = random_text(random, 5);
    }
    std::vector<std::string> pieces(1 + random() % 8);
    std::string text;
    for (auto& piece : pieces) {
      piece = random_text(random, 4);
      text += piece;
    }
    const bool include_stop = random() % 2;
    ASSERT_EQ(
        run(pieces, stops, include_stop), naive_stop(text, stops, include_stop))
        << text;
  }
}

} // namespace
} // namespace parallm
