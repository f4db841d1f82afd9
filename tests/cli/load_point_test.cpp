#include "cli/bench/load_point.h"

#include <gtest/gtest.h>

#include <numeric>

namespace parallm::bench {
namespace {

CompletionStream stream(
    double sent_s, std::vector<double> piece_times_s, TokenUsage usage) {
  return {
      .sent_s = sent_s,
      .piece_times_s = std::move(piece_times_s),
      .usage = usage};
}

// first_s, first_s + step_s, ...
std::vector<double> times(double first_s, double step_s, int pieces) {
  std::vector<double> times_s;
  for (int i = 0; i < pieces; ++i) {
    times_s.push_back(first_s + i * step_s);
  }
  return times_s;
}

LoadPoint of_first_waits(std::vector<double> waits_s) {
  std::vector<CompletionStream> streams;
  for (const double wait_s : waits_s) {
    streams.push_back(stream(10, {10 + wait_s}, {1, 1}));
  }
  return summary({.concurrency = 1, .start_s = 10, .end_s = 20}, streams);
}

TEST(LoadPoint, PercentilesOfOneValueAreThatValue) {
  const LoadPoint point = of_first_waits({0.25});
  EXPECT_DOUBLE_EQ(point.ttft_ms->p50, 250);
  EXPECT_DOUBLE_EQ(point.ttft_ms->p99, 250);
}

TEST(LoadPoint, PercentilesLieBetweenNeighbours) {
  const LoadPoint point = of_first_waits({0.5, 0.25, 1.0, 2.0});
  EXPECT_DOUBLE_EQ(point.ttft_ms->p50, 750);
  EXPECT_DOUBLE_EQ(point.ttft_ms->p99, 1970);
}

TEST(LoadPoint, PercentilesOfManyDoNotDependOnTheirOrder) {
  std::vector<double> waits_s(101);
  std::iota(waits_s.rbegin(), waits_s.rend(), 1);
  const LoadPoint point = of_first_waits(waits_s);
  EXPECT_DOUBLE_EQ(point.ttft_ms->p50, 51e3);
  EXPECT_DOUBLE_EQ(point.ttft_ms->p99, 100e3);
}

TEST(LoadPoint, WaitsBetweenTokensAreThoseWithinAStream) {
  const LoadPoint point = summary(
      {.concurrency = 2, .end_s = 1},
      {stream(0, {0.5, 0.75, 1.0}, {}), stream(0, {8, 8.25, 8.5}, {})});
  EXPECT_DOUBLE_EQ(point.itl_ms->p50, 250);
  EXPECT_DOUBLE_EQ(point.itl_ms->p99, 250);
}

TEST(LoadPoint, ACompletionOfOnePieceHasNoWaitBetweenTokens) {
  EXPECT_FALSE(of_first_waits({0.5}).itl_ms.has_value());
}

TEST(LoadPoint, CountsTokensAndShortAnswersOfWholeStreams) {
  CompletionStream failed = stream(0, {1}, {100, 100});
  failed.error = "lost";
  const LoadPoint point = summary(
      {.concurrency = 3, .output_tokens = 8, .end_s = 4},
      {stream(0, {1, 2}, {5, 8}), failed, stream(0, {1}, {6, 4})});
  EXPECT_EQ(point.requests, 3);
  EXPECT_EQ(point.errors, 1);
  EXPECT_EQ(point.first_error, "lost");
  EXPECT_EQ(point.short_answers, 1);
  EXPECT_EQ(point.prompt_tokens, 11);
  EXPECT_EQ(point.output_tokens, 12);
  EXPECT_EQ(point.pieces, 3);
  EXPECT_DOUBLE_EQ(point.output_tok_s, 3);
}

// The first decodes from 1 s to 5 s, the second from 2 s to 6 s: both from
// 2 s (not counted) to 5 s, which is 12 pieces each, of two tokens.
TEST(LoadPoint, DecodeIsMeasuredWhileAllStreamsOfTheFirstRoundDecode) {
  const LoadPoint point = summary(
      {.concurrency = 2, .start_s = 0, .end_s = 100},
      {stream(0, times(1, 0.25, 17), {30, 34}),
       stream(0, times(2, 0.25, 17), {34, 34}),
       stream(50, times(60, 0.25, 17), {1000, 34})});
  EXPECT_DOUBLE_EQ(point.decode_tok_s.value(), 2 * 24 / 3.0);
  EXPECT_DOUBLE_EQ(point.prefill_tok_s.value(), 64 / 2.0);
}

TEST(LoadPoint, NoDecodeIsToldWhereStreamsDidNotMeet) {
  const LoadPoint point = summary(
      {.concurrency = 2, .end_s = 100},
      {stream(0, times(1, 0.25, 17), {30, 17}),
       stream(0, times(20, 0.25, 17), {30, 17})});
  EXPECT_FALSE(point.decode_tok_s.has_value());
}

// Its stream went on with a request of the second round.
TEST(LoadPoint, NoRatesAreToldOfARoundInWhichAStreamFailed) {
  CompletionStream failed = stream(0, {1}, {100, 100});
  failed.error = "lost";
  const LoadPoint point = summary(
      {.concurrency = 2, .end_s = 100},
      {stream(0, times(1, 0.25, 17), {30, 17}), failed,
       stream(1, times(2, 0.25, 17), {30, 17})});
  EXPECT_FALSE(point.decode_tok_s.has_value());
  EXPECT_FALSE(point.prefill_tok_s.has_value());
  EXPECT_EQ(point.output_tokens, 34);
}

TEST(LoadPoint, NoRatesAreToldByAServerThatDoesNotCount) {
  const LoadPoint point = summary(
      {.concurrency = 1, .end_s = 100},
      {{.piece_times_s = times(1, 0.25, 17)}});
  EXPECT_FALSE(point.decode_tok_s.has_value());
  EXPECT_FALSE(point.prefill_tok_s.has_value());
  EXPECT_EQ(point.output_tokens, 17);
}

TEST(LoadPoint, OfFailuresAloneNothingIsToldButTheirNumber) {
  const LoadPoint point = summary(
      {.concurrency = 1, .end_s = 1}, {{.error = "one"}, {.error = "two"}});
  EXPECT_EQ(point.errors, 2);
  EXPECT_EQ(point.first_error, "one");
  EXPECT_EQ(point.output_tok_s, 0);
  EXPECT_FALSE(point.ttft_ms || point.itl_ms || point.prefill_tok_s);
}

} // namespace
} // namespace parallm::bench
