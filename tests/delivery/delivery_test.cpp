#include "delivery/delivery.h"

#include <gtest/gtest.h>

#include "delivery/job_table.h"
#include "metrics/server_metrics.h"
#include "tests/delivery/fixture.h"

namespace parallm {
namespace {

TEST(Delivery, GivesEachRequestAnIdOfItsOwnAndItsShard) {
  Bench bench;
  auto reply = bench.start(job_of(3));
  ASSERT_TRUE(reply);
  ASSERT_EQ(bench.commands.size(), 3u);
  std::vector<RequestId> ids;
  for (const auto& command : bench.commands) {
    ids.push_back(std::get<GenerateRequest>(command).id);
    EXPECT_EQ(std::get<GenerateRequest>(command).shard, 0);
  }
  EXPECT_NE(ids[0], ids[1]);
  EXPECT_NE(ids[1], ids[2]);
  EXPECT_NE(ids[0], ids[2]);
}

TEST(Delivery, TellsTokensAsTextInOrderAndTheEndOnce) {
  Bench bench;
  auto reply = bench.admit(job_of());
  const RequestId id = bench.ids[0];
  std::vector<Gathered> all;
  for (const TokenId token : byte_tokens("hello")) {
    bench.events(token_event(id, token));
    gather(reply->take(), all);
  }
  bench.events(finish_event(id, FinishReason::kStop, kEos));
  bench.events(finish_event(id, FinishReason::kLength));
  gather(reply->take(), all);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].text, "hello");
  EXPECT_EQ(all[0].sampled_tokens, 6);
  ASSERT_EQ(all[0].ends.size(), 1u);
  EXPECT_EQ(all[0].ends[0].reason, FinishReason::kStop);
  EXPECT_EQ(all[0].ends[0].stop_token, kNoToken);
  EXPECT_EQ(all[0].ends[0].stats.cached_tokens, 2);
  EXPECT_TRUE(bench.commands.empty());
}

TEST(Delivery, MakesOneDeltaPerChoiceAndStep) {
  Bench bench;
  auto reply = bench.admit(job_of(2, 2));
  for (int step = 0; step < 3; ++step) {
    StepEvents events;
    for (const RequestId id : bench.ids) {
      for (int choice = 0; choice < 2; ++choice) { // two tokens each
        events.push_back(token_event(id, byte_token('a'), choice));
        events.push_back(token_event(id, byte_token('b'), choice));
      }
    }
    bench.step(std::move(events));
  }
  const auto deltas = reply->take();
  ASSERT_EQ(deltas.size(), 12u);
  for (size_t i = 0; i < deltas.size(); ++i) {
    EXPECT_EQ(deltas[i].request, static_cast<int>(i / 2 % 2));
    EXPECT_EQ(deltas[i].choice, static_cast<int>(i % 2));
    EXPECT_EQ(deltas[i].text, "ab");
    EXPECT_EQ(deltas[i].sampled_tokens, 2);
  }
}

TEST(Delivery, GathersDeltasAsTextWhenNobodyTakesThem) {
  Bench bench;
  auto reply = bench.admit(job_of(1, 2));
  for (int step = 0; step < 1000; ++step) {
    bench.events(
        token_event(bench.ids[0], byte_token('a'), 0),
        token_event(bench.ids[0], byte_token('b'), 1));
  }
  auto deltas = reply->take();
  EXPECT_LT(deltas.size(), 100u);
  std::vector<Gathered> all;
  gather(std::move(deltas), all);
  EXPECT_EQ(all[0].text, std::string(1000, 'a'));
  EXPECT_EQ(all[1].text, std::string(1000, 'b'));
  EXPECT_EQ(all[1].sampled_tokens, 1000);
}

TEST(Delivery, WhatGathersNeverFallsIntoADeltaOfAnotherChoice) {
  Bench bench;
  auto reply = bench.admit(job_of(1, 2));
  const RequestId id = bench.ids[0];
  std::vector<Gathered> all;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 10; ++i) {
      bench.events(token_event(id, byte_token('a'), 0));
    }
    gather(reply->take(), all);
    for (int i = 0; i < 50; ++i) {
      bench.events(token_event(id, byte_token('b'), 1));
    }
  }
  gather(reply->take(), all);
  EXPECT_EQ(all[0].text, std::string(30, 'a'));
  EXPECT_EQ(all[1].text, std::string(150, 'b'));
}

TEST(Delivery, ASecondFinishOfAChoiceIsDropped) {
  Bench bench;
  auto reply = bench.admit(job_of(1, 2));
  const RequestId id = bench.ids[0];
  bench.events(
      finish_event(id, FinishReason::kLength),
      finish_event(id, FinishReason::kLength));
  std::vector<Gathered> all;
  gather(reply->take(), all);
  EXPECT_EQ(all[0].ends.size(), 1u);
  bench.events(token_event(id, byte_token('b'), 1));
  gather(reply->take(), all);
  EXPECT_EQ(all.at(1).text, "b");
  EXPECT_EQ(bench.delivery.active_jobs(), 1);
}

TEST(Delivery, PlacesOfFinishedRequestsAreUsedAgain) {
  Bench bench;
  for (int i = 0; i < 1000; ++i) {
    auto reply = bench.admit(job_of(2));
    for (const RequestId id : bench.ids) {
      EXPECT_LT(JobTable::place_of(id), 2u);
      bench.events(finish_event(id, FinishReason::kLength));
    }
  }
}

TEST(Delivery, WakesOncePerListAndOnlyWhenArmed) {
  Bench bench;
  auto reply = bench.admit(job_of());
  int wakes = 0;
  reply->wake_once([&] { ++wakes; });
  const TokenId a = byte_token('a');
  bench.events(token_event(bench.ids[0], kNoToken));
  EXPECT_EQ(wakes, 0);
  EXPECT_TRUE(reply->started());
  bench.events(token_event(bench.ids[0], a), token_event(bench.ids[0], a));
  EXPECT_EQ(wakes, 1);
  bench.events(token_event(bench.ids[0], a));
  EXPECT_EQ(wakes, 1);
  reply->wake_once([&] { ++wakes; }); // something is there already
  EXPECT_EQ(wakes, 2);
  EXPECT_EQ(reply->take().size(), 2u);
  EXPECT_TRUE(reply->take().empty());
}

TEST(Delivery, AWakeMayDestroyRepliesAndStartJobs) {
  Bench bench;
  auto first = bench.admit(job_of());
  const RequestId first_id = bench.ids[0];
  auto second = bench.admit(job_of());
  const RequestId second_id = bench.ids[0];
  int late_wakes = 0;
  first->wake_once([&] {
    first.reset();
    second.reset();
    first = std::move(bench.start(job_of())).value();
  });
  second->wake_once([&] { ++late_wakes; });
  bench.events(
      token_event(first_id, byte_token('a')),
      token_event(second_id, byte_token('a')));
  EXPECT_EQ(late_wakes, 0);
  EXPECT_EQ(bench.cancels().size(), 2u);
  EXPECT_NE(first, nullptr);
}

TEST(Delivery, AStopStringEndsTheChoiceAndCancelsIt) {
  Bench bench;
  auto reply = bench.admit(job_of(1, 2, {.stop_strings = {"zz", "END"}}));
  const RequestId id = bench.ids[0];
  for (const TokenId token : byte_tokens("abEND")) {
    bench.events(token_event(id, token, 1));
  }
  ASSERT_EQ(bench.cancels().size(), 1u);
  EXPECT_EQ(bench.cancels()[0].id, id);
  EXPECT_EQ(bench.cancels()[0].choice, 1);
  bench.events(token_event(id, byte_token('x'), 1)); // sampled meanwhile
  bench.events(token_event(id, byte_token('y'), 0));
  bench.events(finish_event(id, FinishReason::kCancelled, kNoToken, 1));
  std::vector<Gathered> all;
  gather(reply->take(), all);
  EXPECT_EQ(all[1].text, "ab");
  EXPECT_EQ(all[1].sampled_tokens, 5);
  ASSERT_EQ(all[1].ends.size(), 1u);
  EXPECT_EQ(all[1].ends[0].reason, FinishReason::kStop);
  EXPECT_EQ(all[1].ends[0].stop_string, "END");
  EXPECT_EQ(all[1].ends[0].stats.cached_tokens, 2);
  EXPECT_EQ(all[0].text, "y");
  EXPECT_TRUE(all[0].ends.empty());
  EXPECT_EQ(bench.cancels().size(), 1u);
}

TEST(Delivery, ACancelledReplyStillTellsWhatWasHeldBackAndItsFigures) {
  Bench bench;
  auto reply = bench.admit(job_of(1, 1, {.stop_strings = {"END"}}));
  bench.events(token_event(bench.ids[0], byte_token('E')));
  EXPECT_TRUE(reply->take().empty());
  reply->cancel();
  ASSERT_EQ(bench.cancels().size(), 1u);
  bench.events(finish_event(bench.ids[0], FinishReason::kCancelled));
  std::vector<Gathered> all;
  gather(reply->take(), all);
  EXPECT_EQ(all.at(0).text, "E");
  EXPECT_EQ(all[0].sampled_tokens, 1);
  EXPECT_EQ(all[0].ends.at(0).reason, FinishReason::kCancelled);
  EXPECT_EQ(all[0].ends[0].stats.cached_tokens, 2);
}

TEST(Delivery, AStopStringInTheLastTokenNeedsNoCancel) {
  Bench bench;
  auto reply = bench.admit(job_of(1, 1, {.stop_strings = {"b"}}));
  bench.events(token_event(bench.ids[0], byte_token('a')));
  bench.events(
      finish_event(bench.ids[0], FinishReason::kLength, byte_token('b')));
  std::vector<Gathered> all;
  gather(reply->take(), all);
  EXPECT_EQ(all[0].text, "a");
  EXPECT_EQ(all[0].ends.at(0).reason, FinishReason::kStop);
  EXPECT_EQ(all[0].ends.at(0).stop_string, "b");
  EXPECT_TRUE(bench.commands.empty());
}

TEST(Delivery, TextHeldBackForAStopStringComesWithTheFinish) {
  Bench bench;
  auto reply = bench.admit(job_of(1, 1, {.stop_strings = {"abc"}}));
  bench.events(token_event(bench.ids[0], byte_token('a')));
  bench.events(token_event(bench.ids[0], byte_token('b')));
  EXPECT_TRUE(reply->take().empty());
  bench.events(finish_event(bench.ids[0], FinishReason::kLength));
  std::vector<Gathered> all;
  gather(reply->take(), all);
  EXPECT_EQ(all[0].text, "ab");
  EXPECT_EQ(all[0].sampled_tokens, 2);
  EXPECT_EQ(all[0].ends.at(0).reason, FinishReason::kLength);
}

std::string text_of_end(TokenId token, GenerateJob job) {
  Bench bench;
  auto reply = bench.admit(std::move(job));
  bench.events(finish_event(bench.ids[0], FinishReason::kStop, token));
  std::vector<Gathered> all;
  gather(reply->take(), all);
  return all.at(0).text;
}

TEST(Delivery, EndTokensAreTextOnlyWhenSpecialTokensAreShown) {
  EXPECT_EQ(text_of_end(kEos, job_of()), "");
  const std::string shown =
      text_of_end(kEos, job_of(1, 1, {.skip_special_tokens = false}));
  EXPECT_EQ(shown, tiny_tokenizer()->bytes(kEos));
  GenerateJob plain_end = job_of();
  plain_end.requests[0].end_tokens = {byte_token('e')};
  EXPECT_EQ(text_of_end(byte_token('e'), std::move(plain_end)), "");
}

TEST(Delivery, AStopTokenIsNamedAndIsNoText) {
  for (const bool skip_special : {true, false}) {
    Bench bench;
    GenerateJob job = job_of(1, 1, {.skip_special_tokens = skip_special});
    job.requests[0].stop_tokens = {byte_token('s')};
    auto reply = bench.admit(std::move(job));
    bench.events(token_event(bench.ids[0], byte_token('a')));
    bench.events(
        finish_event(bench.ids[0], FinishReason::kStop, byte_token('s')));
    std::vector<Gathered> all;
    gather(reply->take(), all);
    EXPECT_EQ(all[0].text, "a");
    EXPECT_EQ(all[0].ends.at(0).stop_token, byte_token('s'));
    EXPECT_EQ(all[0].sampled_tokens, 2);
  }
}

TEST(Delivery, PassesLogprobsOfPromptAndTokens) {
  Bench bench;
  auto reply = bench.admit(job_of(1, 1, {.token_details = true}));
  TokenEvent prompt = token_event(bench.ids[0], kNoToken);
  prompt.details = std::make_unique<EventDetails>();
  prompt.details->prompt_logprobs = {{.logprob = -1}, {.logprob = -2}};
  TokenEvent token = token_event(bench.ids[0], byte_token('a'));
  token.details = std::make_unique<EventDetails>();
  token.details->logprobs = TokenLogprobs{.logprob = -3, .top = {{7, -3}}};
  bench.events(std::move(prompt), std::move(token));
  const auto deltas = reply->take();
  ASSERT_EQ(deltas.size(), 1u);
  ASSERT_EQ(deltas[0].prompt_logprobs.size(), 2u);
  EXPECT_EQ(deltas[0].prompt_logprobs[1].logprob, -2);
  ASSERT_EQ(deltas[0].tokens.size(), 1u);
  EXPECT_EQ(deltas[0].tokens[0].logprobs->logprob, -3);
  EXPECT_EQ(deltas[0].tokens[0].logprobs->top[0].id, 7);
}

TEST(Delivery, AReplyThatDiesCancelsWhatIsLeftAndLateEventsAreDropped) {
  Bench bench;
  auto reply = bench.admit(job_of(3));
  const auto ids = bench.ids;
  bench.events(finish_event(ids[0], FinishReason::kLength));
  reply.reset();
  const auto cancels = bench.cancels();
  ASSERT_EQ(cancels.size(), 2u);
  EXPECT_EQ(cancels[0].id, ids[1]);
  EXPECT_EQ(cancels[0].choice, kAllChoices);
  EXPECT_EQ(cancels[1].id, ids[2]);
  EXPECT_EQ(bench.delivery.active_jobs(), 1);
  bench.events(token_event(ids[1], byte_token('a')));
  bench.events(finish_event(ids[1], FinishReason::kCancelled));
  EXPECT_EQ(bench.delivery.active_jobs(), 1);
  bench.events(finish_event(ids[2], FinishReason::kCancelled));
  EXPECT_EQ(bench.delivery.active_jobs(), 0);
}

TEST(Delivery, AJobIsActiveUntilItsEndIsTakenAndTheEngineIsDone) {
  Bench bench;
  auto reply = bench.admit(job_of(1, 1, {.stop_strings = {"a"}}));
  bench.events(token_event(bench.ids[0], byte_token('a')));
  reply->take();
  EXPECT_EQ(bench.delivery.active_jobs(), 1);
  bench.events(finish_event(bench.ids[0], FinishReason::kCancelled));
  EXPECT_EQ(bench.delivery.active_jobs(), 1);
  EXPECT_EQ(reply->take().size(), 1u);
  EXPECT_EQ(bench.delivery.active_jobs(), 0);
  bench.commands.clear();
  reply.reset();
  EXPECT_EQ(bench.delivery.active_jobs(), 0);
  EXPECT_TRUE(bench.commands.empty());
}

TEST(Delivery, ASlowReaderIsBoundedAndThenCancelled) {
  Bench bench({.max_buffered_bytes = 100});
  auto reply = bench.admit(job_of(1, 2));
  const RequestId id = bench.ids[0];
  for (int i = 0; i < 200; ++i) {
    bench.events(token_event(id, byte_token('a'), i % 2));
  }
  ASSERT_EQ(bench.cancels().size(), 1u);
  EXPECT_EQ(bench.cancels()[0].choice, kAllChoices);
  bench.events(
      finish_event(id, FinishReason::kCancelled, kNoToken, 0),
      finish_event(id, FinishReason::kCancelled, kNoToken, 1));
  std::vector<Gathered> all;
  gather(reply->take(), all);
  EXPECT_LE(all[0].text.size() + all[1].text.size(), 101u);
  for (const Gathered& one : all) {
    ASSERT_EQ(one.ends.size(), 1u);
    EXPECT_TRUE(one.ends[0].overflow);
    EXPECT_EQ(one.ends[0].reason, FinishReason::kCancelled);
    EXPECT_EQ(one.sampled_tokens, static_cast<int>(one.text.size()));
  }
}

TEST(Delivery, AReaderWhoTakesIsNeverTooSlow) {
  Bench bench({.max_buffered_bytes = 100});
  auto reply = bench.admit(job_of());
  for (int i = 0; i < 1000; ++i) {
    bench.events(token_event(bench.ids[0], byte_token('a')));
    if (i % 50 == 0) {
      reply->reuse(reply->take());
    }
  }
  EXPECT_TRUE(bench.commands.empty());
}

TEST(Delivery, AJobIsQueuedUntilItsFirstEvent) {
  Bench bench({.max_queue = 1});
  auto reply = bench.admit(job_of(5));
  EXPECT_EQ(bench.delivery.queued_jobs(), 1);
  EXPECT_FALSE(reply->started());
  auto refused = bench.start(job_of());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, RefusalReason::kQueueFull);
  EXPECT_GE(refused.error().retry_after_s, 1);
  EXPECT_LE(refused.error().retry_after_s, 60);
  bench.events(token_event(bench.ids[3], kNoToken));
  EXPECT_TRUE(reply->started());
  EXPECT_EQ(bench.delivery.queued_jobs(), 0);
  EXPECT_TRUE(bench.start(job_of()));
}

TEST(Delivery, RefusesByTheStateOfTheEngine) {
  Bench bench;
  bench.status.state = EngineState::kLoading;
  EXPECT_EQ(bench.start(job_of()).error().reason, RefusalReason::kLoading);
  bench.status.state = EngineState::kFailed;
  EXPECT_EQ(bench.start(job_of()).error().reason, RefusalReason::kFailed);
  bench.status.state = EngineState::kDraining;
  EXPECT_EQ(bench.start(job_of()).error().reason, RefusalReason::kDraining);
  EXPECT_EQ(bench.delivery.active_jobs(), 0);
  EXPECT_TRUE(bench.commands.empty());
}

TEST(Delivery, DrainingRefusesNewJobsAndLetsRunningOnesEnd) {
  Bench bench;
  auto reply = bench.admit(job_of());
  bench.delivery.drain();
  EXPECT_EQ(bench.start(job_of()).error().reason, RefusalReason::kDraining);
  bench.events(finish_event(bench.ids[0], FinishReason::kStop, kEos));
  EXPECT_EQ(reply->take().size(), 1u);
  EXPECT_EQ(bench.delivery.active_jobs(), 0);
}

TEST(Delivery, AnEngineThatHasEndedOwesNothing) {
  Bench bench;
  bench.engine_ended = true;
  auto refused = bench.start(job_of(3));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, RefusalReason::kFailed);
  EXPECT_EQ(bench.delivery.active_jobs(), 0);
  EXPECT_EQ(bench.delivery.queued_jobs(), 0);
}

TEST(Delivery, EventsOfStrangersAreDropped) {
  Bench bench;
  auto reply = bench.admit(job_of());
  const RequestId id = bench.ids[0];
  const RequestId other{static_cast<uint64_t>(id) + (1u << 24)};
  bench.events(
      token_event(RequestId{}, 5), token_event(other, 5), token_event(id, 5, 1),
      token_event(id, 5, -1));
  EXPECT_TRUE(reply->take().empty());
  EXPECT_EQ(bench.delivery.queued_jobs(), 1);
}

TEST(Delivery, AnEventForAFinishedRequestNeverReachesItsSuccessor) {
  Bench bench;
  auto first = bench.admit(job_of());
  const RequestId old = bench.ids[0];
  bench.events(finish_event(old, FinishReason::kLength));
  auto second = bench.admit(job_of());
  bench.events(token_event(old, byte_token('a')));
  EXPECT_TRUE(second->take().empty());
  EXPECT_FALSE(second->started());
}

TEST(Delivery, CountsEndsAndTimes) {
  ServerMetrics metrics;
  Bench bench({}, &metrics);
  auto reply = bench.admit(job_of(1, 2));
  const TokenId a = byte_token('a');
  bench.events(token_event(bench.ids[0], a), token_event(bench.ids[0], a, 1));
  bench.events(token_event(bench.ids[0], a));
  bench.events(
      finish_event(bench.ids[0], FinishReason::kLength, a),
      finish_event(bench.ids[0], FinishReason::kStop, kEos, 1));
  const auto total = [](const Histogram& histogram) {
    uint64_t sum = 0;
    for (const uint64_t count : histogram.buckets()) {
      sum += count;
    }
    return sum;
  };
  EXPECT_EQ(metrics.requests.with({"length"}).value(), 1u);
  EXPECT_EQ(metrics.requests.with({"stop"}).value(), 1u);
  EXPECT_EQ(total(metrics.time_to_first_token_s), 2u);
  EXPECT_EQ(total(metrics.inter_token_latency_s), 3u);
  EXPECT_EQ(total(metrics.queue_time_s), 2u);
  EXPECT_EQ(total(metrics.e2e_latency_s), 2u);
}

} // namespace
} // namespace parallm
