#include "engine/scheduler.h"

#include <gtest/gtest.h>

#include "base/check.h"

namespace parallm {
namespace {

using Tokens = std::vector<TokenId>;

// Blocks of 4 tokens, and no reserve, so that numbers are easy to follow.
constexpr SchedulerLimits kLimits{
    .max_sequences = 4,
    .max_step_tokens = 32,
    .max_chunk_tokens = 16,
    .max_positions = 64,
    .watermark_percent = 0};
constexpr CacheGeometry kGeometry{.num_blocks = 16, .block_tokens = 4};

Tokens count_up(int tokens, TokenId from = 10) {
  Tokens made;
  for (int i = 0; i < tokens; ++i) {
    made.push_back(from + i);
  }
  return made;
}

// Every sampling row yields `token`; prompt logprobs are all -1.
StepResult answer(const StepPlan& plan, TokenId token = 5) {
  StepResult result{.id = plan.id};
  for (const StepRow& row : plan.rows) {
    RowResult& made = result.rows.emplace_back();
    if (row.heads.sample) {
      made.accepted = {token};
    }
    if (row.heads.prompt_logprobs) {
      const int unscored = row.next_token == kNoToken ? 1 : 0;
      made.prompt_logprobs.resize(size_t(row.end - row.begin - unscored));
    }
  }
  return result;
}

// A scheduler whose steps are run at once, and what came of them.
struct Bench {
  explicit Bench(
      SchedulerLimits limits = kLimits, CacheGeometry geometry = kGeometry)
      : scheduler(limits, geometry) {}

  void submit(uint64_t id, Tokens prompt, int max_new_tokens = 4) {
    submit(
        {.id = RequestId{id},
         .prompt = std::move(prompt),
         .max_new_tokens = max_new_tokens});
  }
  void submit(GenerateRequest request) {
    scheduler.submit(std::move(request), now_ms);
  }
  StepPlan plan() { return scheduler.plan(1 << 20, now_ms); }
  void commit(const StepPlan& plan, TokenId token = 5) {
    scheduler.commit(plan, answer(plan, token), now_ms);
    gather();
  }
  StepPlan step(TokenId token = 5) {
    StepPlan made = plan();
    commit(made, token);
    return made;
  }
  void gather() {
    for (ShardEvents& list : scheduler.take_events()) {
      for (TokenEvent& event : list.events) {
        events.push_back(std::move(event));
      }
    }
    scheduler.check_invariants();
  }
  // At most 1000 steps.
  int64_t run_dry() {
    int64_t fed = 0;
    for (int i = 0; i < 1000 && !scheduler.idle(); ++i) {
      for (const StepRow& row : step().rows) {
        fed += row.end - row.begin;
      }
    }
    EXPECT_TRUE(scheduler.idle());
    return fed;
  }
  const TokenEvent* finish_of(uint64_t id, int choice = 0) const {
    for (const TokenEvent& event : events) {
      if (event.id == RequestId{id} && event.choice == choice && event.finish) {
        return &event;
      }
    }
    return nullptr;
  }

  Scheduler scheduler;
  StepEvents events;
  double now_ms = 0;
};

int row_tokens(const StepPlan& plan, size_t row) {
  return plan.rows.at(row).end - plan.rows.at(row).begin;
}

TEST(Scheduler, CutsPromptsIntoChunksOnBlockEdges) {
  Bench bench(
      {.max_sequences = 4,
       .max_step_tokens = 32,
       .max_chunk_tokens = 10,
       .max_positions = 64});
  bench.submit(1, count_up(21), 1);
  EXPECT_EQ(row_tokens(bench.step(), 0), 8);
  EXPECT_EQ(row_tokens(bench.step(), 0), 8);
  const StepPlan last = bench.step();
  EXPECT_EQ(row_tokens(last, 0), 5);
  EXPECT_TRUE(last.rows[0].heads.sample);
}

TEST(Scheduler, DecodesComeBeforePrefills) {
  Bench bench(
      {.max_sequences = 4,
       .max_step_tokens = 8,
       .max_chunk_tokens = 8,
       .max_positions = 64});
  bench.submit(1, count_up(4), 10);
  bench.step();
  bench.submit(2, count_up(20, 40), 10);
  for (int i = 0; i < 3; ++i) {
    const StepPlan plan = bench.step();
    ASSERT_EQ(plan.rows.size(), 2u);
    EXPECT_EQ(plan.rows[0].seq, SeqId{1});
    EXPECT_LE(row_tokens(plan, 0) + row_tokens(plan, 1), 8);
  }
}

TEST(Scheduler, LeavesTheQueueWithABareEventAndTellsItsTimes) {
  Bench bench;
  bench.submit(1, count_up(4), 2);
  bench.now_ms = 100;
  const StepPlan first = bench.plan();
  bench.gather();
  ASSERT_EQ(bench.events.size(), 1u);
  EXPECT_EQ(bench.events[0].token, kNoToken);
  EXPECT_FALSE(bench.events[0].finish || bench.events[0].details);
  bench.now_ms = 130;
  bench.commit(first);
  bench.now_ms = 170;
  bench.step();
  const TokenEvent* finish = bench.finish_of(1);
  ASSERT_TRUE(finish);
  EXPECT_EQ(finish->finish, FinishReason::kLength);
  EXPECT_EQ(finish->token, 5);
  EXPECT_EQ(finish->details->stats->queue_ms, 100);
  EXPECT_EQ(finish->details->stats->prefill_ms, 30);
  EXPECT_EQ(finish->details->stats->decode_ms, 40);
}

TEST(Scheduler, EndsAtAnEndTokenOnlyAfterTheLeastNumberOfTokens) {
  Bench bench;
  bench.submit(
      {.id = RequestId{1},
       .prompt = count_up(4),
       .max_new_tokens = 9,
       .min_new_tokens = 2,
       .stop_tokens = {5}});
  bench.step();
  bench.step();
  EXPECT_FALSE(bench.finish_of(1));
  bench.step();
  ASSERT_TRUE(bench.finish_of(1));
  EXPECT_EQ(bench.finish_of(1)->finish, FinishReason::kStop);
  EXPECT_EQ(bench.finish_of(1)->token, 5);
}

TEST(Scheduler, EndsWithLengthWhereThePoolOrThePositionsEnd) {
  Bench positions;
  positions.submit(1, count_up(60), 1000);
  positions.run_dry();
  EXPECT_EQ(positions.finish_of(1)->finish, FinishReason::kLength);
  EXPECT_EQ(positions.scheduler.counters().generated_tokens, 4u);

  Bench pool(kLimits, {.num_blocks = 3, .block_tokens = 4});
  pool.submit(1, count_up(9), 1000);
  pool.run_dry();
  EXPECT_EQ(pool.finish_of(1)->finish, FinishReason::kLength);
  EXPECT_EQ(pool.scheduler.counters().generated_tokens, 3u);
}

TEST(Scheduler, WithoutNewTokensItEndsWithItsLastPromptRow) {
  Bench bench;
  bench.submit(1, count_up(6), 0);
  const StepPlan plan = bench.step();
  EXPECT_FALSE(plan.rows[0].heads.sample);
  ASSERT_TRUE(bench.finish_of(1));
  EXPECT_EQ(bench.finish_of(1)->finish, FinishReason::kLength);
  EXPECT_EQ(bench.finish_of(1)->token, kNoToken);
  EXPECT_TRUE(bench.scheduler.idle());
}

TEST(Scheduler, RefusesAsAnErrorWhatCouldNeverRun) {
  Bench bench;
  bench.submit(1, count_up(65));
  bench.submit(2, {});
  bench.gather();
  EXPECT_EQ(bench.finish_of(1)->finish, FinishReason::kError);
  EXPECT_EQ(bench.finish_of(2)->finish, FinishReason::kError);
  EXPECT_TRUE(bench.scheduler.idle());
}

TEST(Scheduler, OnePrefillServesAllChoices) {
  for (const bool cache : {true, false}) {
    SchedulerLimits limits = kLimits;
    limits.prefix_cache = cache;
    Bench bench(limits);
    bench.submit(
        {.id = RequestId{1},
         .prompt = count_up(17),
         .choices = 4,
         .max_new_tokens = 1});
    EXPECT_EQ(bench.run_dry(), 17 + 3) << "three feed the unshared tail";
    EXPECT_EQ(bench.finish_of(1, 3)->details->stats->cached_tokens, 16);
  }
}

TEST(Scheduler, WithoutPrefixCacheRequestsShareNothing) {
  SchedulerLimits limits = kLimits;
  limits.prefix_cache = false;
  Bench bench(limits);
  bench.submit(1, count_up(17), 1);
  bench.submit(2, count_up(17), 1);
  EXPECT_EQ(bench.run_dry(), 34);
  EXPECT_EQ(bench.scheduler.counters().prefix_hits, 0u);
}

TEST(Scheduler, WithStatesEverySequenceIsComputedFromItsFirstToken) {
  SchedulerLimits limits = kLimits;
  limits.has_states = true;
  Bench bench(limits);
  bench.submit(
      {.id = RequestId{1},
       .prompt = count_up(17),
       .choices = 2,
       .max_new_tokens = 1});
  EXPECT_EQ(bench.run_dry(), 2 * 17);
  EXPECT_EQ(bench.finish_of(1, 1)->details->stats->cached_tokens, 0);
  bench.submit(2, count_up(17), 1);
  EXPECT_EQ(bench.run_dry(), 17);
  EXPECT_EQ(bench.scheduler.counters().prefix_queries, 0u);
}

TEST(Scheduler, ReadsAPrefixUpToTheLastTokenButOne) {
  Bench bench;
  bench.submit(1, count_up(8), 1);
  EXPECT_EQ(bench.run_dry(), 8);
  bench.submit(2, count_up(8), 1);
  EXPECT_EQ(bench.run_dry(), 4) << "one position must be fed";
  bench.submit(3, count_up(9), 1);
  EXPECT_EQ(bench.run_dry(), 1);
}

TEST(Scheduler, AnswersAreCachedToo) {
  Bench bench;
  bench.submit(1, count_up(6), 4); // 10 tokens, 9 of them stored
  bench.run_dry();
  Tokens next = count_up(6);
  next.insert(next.end(), {5, 5, 5, 5, 9});
  bench.submit(2, next, 1);
  EXPECT_EQ(bench.run_dry(), 3);
}

TEST(Scheduler, SaltsKeepPrefixesApart) {
  Bench bench;
  bench.submit(1, count_up(9), 1);
  bench.run_dry();
  bench.submit(
      {.id = RequestId{2},
       .prompt = count_up(9),
       .max_new_tokens = 1,
       .cache_salt = 1});
  EXPECT_EQ(bench.run_dry(), 9);
}

TEST(Scheduler, WaitsForAPromisedPrefixWhileOthersGoOn) {
  Bench bench;
  bench.submit(1, count_up(32), 1);
  bench.submit(2, count_up(33), 1);
  bench.submit(3, count_up(4, 90), 1);
  const StepPlan first = bench.step();
  ASSERT_EQ(first.rows.size(), 2u);
  EXPECT_EQ(first.rows[1].seq, SeqId{3});
  EXPECT_EQ(bench.scheduler.waiting(), 1);
  bench.step();
  const StepPlan third = bench.step();
  ASSERT_EQ(third.rows.size(), 1u);
  EXPECT_EQ(third.rows[0].begin, 32);
}

TEST(Scheduler, APromiseEndsWithItsSequence) {
  Bench bench;
  bench.submit(1, count_up(32), 1);
  bench.submit(2, count_up(33), 1);
  bench.step();
  bench.scheduler.cancel({.id = RequestId{1}}, 0);
  bench.gather();
  EXPECT_EQ(bench.finish_of(1)->finish, FinishReason::kCancelled);
  const StepPlan next = bench.step();
  ASSERT_EQ(next.rows.size(), 1u);
  EXPECT_EQ(next.rows[0].seq, SeqId{2});
  EXPECT_EQ(next.rows[0].begin, 16) << "what was done is not done again";
}

TEST(Scheduler, PromptLogprobsReadNoPrefixButLeaveOne) {
  Bench bench;
  bench.submit(1, count_up(9), 1);
  bench.run_dry();
  GenerateRequest scored{
      .id = RequestId{2},
      .prompt = count_up(13),
      .choices = 2,
      .max_new_tokens = 1};
  scored.sampling.prompt_logprobs = 0;
  bench.submit(scored);
  const StepPlan plan = bench.plan();
  EXPECT_EQ(plan.rows[0].begin, 0);
  EXPECT_EQ(plan.rows[0].next_token, kNoToken);
  EXPECT_TRUE(plan.rows[0].heads.prompt_logprobs);
  bench.commit(plan);
  EXPECT_EQ(bench.run_dry(), 1) << "the second choice reads three blocks";
  size_t scores = 0;
  for (const TokenEvent& event : bench.events) {
    if (event.details && event.id == RequestId{2}) {
      scores += event.details->prompt_logprobs.size();
    }
  }
  EXPECT_EQ(scores, 12u);
}

TEST(Scheduler, LowerPriorityNumbersGoFirstAndWaitingMakesUpForIt) {
  SchedulerLimits limits = kLimits;
  limits.max_sequences = 1;
  Bench bench(limits);
  const auto submit = [&](uint64_t id, int priority, double now_ms) {
    bench.now_ms = now_ms;
    bench.submit(
        {.id = RequestId{id},
         .prompt = {1},
         .max_new_tokens = 1,
         .priority = priority});
  };
  submit(1, 2, 0);    // as good as priority 0 at 2000 ms
  submit(2, 0, 1500); // before it
  submit(3, 0, 2500); // after it
  submit(4, -1, 2600);
  std::vector<SeqId> order;
  for (int i = 0; i < 4; ++i) {
    order.push_back(bench.step().rows.at(0).seq);
  }
  EXPECT_EQ(order, (std::vector{SeqId{2}, SeqId{4}, SeqId{1}, SeqId{3}}));
}

// Two sequences fill the pool; one of them must make room.
struct Crowded : Bench {
  Crowded(int first_priority, int second_priority)
      : Bench(kLimits, {.num_blocks = 4, .block_tokens = 4}) {
    add(1, first_priority, 10);
    add(2, second_priority, 50);
    step();
  }
  void add(uint64_t id, int priority, TokenId from) {
    submit(
        {.id = RequestId{id},
         .prompt = count_up(8, from),
         .max_new_tokens = 8,
         .priority = priority});
  }
};

TEST(Scheduler, PreemptsTheYoungestAndItLosesNoToken) {
  Crowded bench(0, 0);
  const StepPlan plan = bench.step();
  ASSERT_EQ(plan.rows.size(), 1u) << "and is not admitted in the same step";
  EXPECT_EQ(plan.rows[0].seq, SeqId{1});
  EXPECT_EQ(bench.scheduler.waiting(), 1);
  bench.run_dry();
  EXPECT_EQ(bench.finish_of(2)->details->stats->preemptions, 1);
  EXPECT_EQ(bench.finish_of(1)->details->stats->preemptions, 0);
  EXPECT_EQ(bench.scheduler.counters().generated_tokens, 16u);
}

TEST(Scheduler, PreemptsTheLowestPriorityFirst) {
  Crowded bench(1, 0);
  const StepPlan plan = bench.step();
  ASSERT_EQ(plan.rows.size(), 1u);
  EXPECT_EQ(plan.rows[0].seq, SeqId{2});
}

TEST(Scheduler, APreemptedSequenceKeepsItsBlocksUntilItsStepIsCommitted) {
  Bench bench(kLimits, {.num_blocks = 4, .block_tokens = 4});
  bench.submit(1, count_up(7), 8);
  bench.submit(2, count_up(7, 50), 8);
  const StepPlan first = bench.plan();
  const StepPlan second = bench.plan(); // tokens are still on the device
  ASSERT_EQ(second.rows.size(), 2u);
  EXPECT_TRUE(second.rows[0].tokens.empty());
  bench.commit(first);
  const StepPlan third = bench.plan(); // needs a block each
  EXPECT_TRUE(third.rows.empty()) << "they come with the second step";
  EXPECT_EQ(bench.scheduler.pool().held_blocks(), 4);
  bench.commit(second);
  EXPECT_EQ(bench.scheduler.pool().held_blocks(), 2);
  const StepPlan fourth = bench.plan();
  ASSERT_EQ(fourth.rows.size(), 1u);
  EXPECT_EQ(fourth.rows[0].tokens.size(), 1u) << "committed by now";
}

TEST(Scheduler, ARowPlannedInVainIsDroppedAndItsBlocksStayUntilThen) {
  Bench bench;
  bench.submit(
      {.id = RequestId{1},
       .prompt = count_up(4),
       .max_new_tokens = 9,
       .end_tokens = {5}});
  const StepPlan first = bench.plan();
  const StepPlan second = bench.plan();
  bench.commit(first, 5);
  ASSERT_TRUE(bench.finish_of(1));
  EXPECT_EQ(bench.scheduler.pool().held_blocks(), 2);
  EXPECT_EQ(bench.scheduler.running(), 0);
  const size_t told = bench.events.size();
  bench.commit(second, 6);
  EXPECT_EQ(bench.events.size(), told);
  EXPECT_EQ(bench.scheduler.pool().held_blocks(), 0);
  EXPECT_TRUE(bench.scheduler.idle());
}

TEST(Scheduler, PlansNoRowInVainWhenTheLengthIsKnown) {
  Bench bench;
  bench.submit(1, count_up(4), 1);
  const StepPlan first = bench.plan();
  EXPECT_TRUE(bench.plan().rows.empty());
  bench.commit(first);
  EXPECT_TRUE(bench.scheduler.idle());
}

TEST(Scheduler, ABigRequestIsNotOvertakenForEver) {
  Bench bench(kLimits, {.num_blocks = 8, .block_tokens = 4});
  bench.submit(1, count_up(20), 10);
  bench.step();
  bench.submit(2, count_up(30, 50), 1); // needs all 8 blocks
  bench.submit(3, count_up(2, 90), 1);
  for (int i = 0; i < 10; ++i) {
    for (const StepRow& row : bench.step().rows) {
      EXPECT_EQ(row.seq, SeqId{1});
    }
  }
  EXPECT_EQ(bench.step().rows.at(0).seq, SeqId{2});
}

TEST(Scheduler, TheWatermarkBindsOnlyWhenSomebodyRuns) {
  SchedulerLimits limits = kLimits;
  limits.watermark_percent = 50;
  Bench bench(limits, {.num_blocks = 8, .block_tokens = 4});
  bench.submit(1, count_up(20), 1);
  bench.submit(2, count_up(8, 50), 1);
  EXPECT_EQ(bench.step().rows.size(), 1u);
  EXPECT_EQ(bench.step().rows.size(), 1u) << "3 blocks left, 4 are kept";
  EXPECT_EQ(bench.step().rows.at(0).seq, SeqId{2});
}

TEST(Scheduler, AFailedStepFailsItsRowsOnly) {
  Bench bench(
      {.max_sequences = 4,
       .max_step_tokens = 8,
       .max_chunk_tokens = 8,
       .max_positions = 64});
  bench.submit(1, count_up(8), 3);
  bench.submit(2, count_up(8, 50), 3);
  const StepPlan first = bench.plan();
  ASSERT_EQ(first.rows.size(), 1u);
  const StepPlan second = bench.plan(); // a token of the first, and request 2
  ASSERT_EQ(second.rows.size(), 2u);
  bench.scheduler.fail(first, "broken", 0);
  bench.gather();
  EXPECT_EQ(bench.finish_of(1)->finish, FinishReason::kError);
  EXPECT_EQ(bench.finish_of(1)->details->error, "broken");
  bench.commit(second);
  EXPECT_FALSE(bench.finish_of(2));
  bench.run_dry();
  EXPECT_EQ(bench.finish_of(2)->finish, FinishReason::kLength);
}

TEST(Scheduler, ARowWithAnErrorOrWithoutItsTokenFailsAlone) {
  Bench bench;
  bench.submit(1, count_up(4), 2);
  bench.submit(2, count_up(4, 50), 2);
  bench.submit(3, count_up(4, 90), 2);
  const StepPlan plan = bench.plan();
  StepResult result = answer(plan);
  result.rows[0].error = "broken";
  result.rows[1].accepted.clear();
  bench.scheduler.commit(plan, std::move(result), 0);
  bench.run_dry();
  EXPECT_EQ(bench.finish_of(1)->details->error, "broken");
  EXPECT_EQ(bench.finish_of(2)->finish, FinishReason::kError);
  EXPECT_EQ(bench.finish_of(3)->finish, FinishReason::kLength);
}

TEST(Scheduler, CancelsOneChoiceOrAllAndIgnoresTheUnknown) {
  Bench bench;
  bench.submit(
      {.id = RequestId{1},
       .prompt = count_up(9),
       .choices = 3,
       .max_new_tokens = 20});
  bench.step();
  bench.step();
  bench.scheduler.cancel({.id = RequestId{1}, .choice = 1}, 0);
  bench.scheduler.cancel({.id = RequestId{1}, .choice = 7}, 0);
  bench.scheduler.cancel({.id = RequestId{9}}, 0);
  bench.gather();
  EXPECT_TRUE(bench.finish_of(1, 1));
  EXPECT_FALSE(bench.finish_of(1, 0) || bench.finish_of(1, 2));
  bench.scheduler.cancel({.id = RequestId{1}}, 0);
  bench.gather();
  EXPECT_TRUE(bench.finish_of(1, 0) && bench.finish_of(1, 2));
  EXPECT_TRUE(bench.scheduler.idle());
}

TEST(Scheduler, StepsAreCommittedInOrder) {
  Bench bench;
  bench.submit(1, count_up(4), 9);
  const StepPlan first = bench.plan();
  const StepPlan second = bench.plan();
  EXPECT_THROW(bench.scheduler.commit(second, answer(second), 0), CheckFailed);
  EXPECT_THROW(bench.plan(), CheckFailed) << "two are launched already";
}

TEST(Scheduler, AWholeQueueBehindOnePromiseCostsNoMoreThanARunningBatch) {
  Bench bench;
  for (uint64_t id = 1; id <= 100; ++id) {
    bench.submit(id, count_up(33), 1);
  }
  bench.step();
  // One computes, four wait for it, the rest were not looked at.
  EXPECT_EQ(bench.scheduler.counters().prefix_queries, 33u);
  EXPECT_EQ(bench.run_dry() + 16, 33 + 99);
}

TEST(Scheduler, ChoicesThatWaitForTheirFirstBlockNobodyElse) {
  Bench bench;
  bench.submit(
      {.id = RequestId{1},
       .prompt = count_up(33),
       .choices = 20,
       .max_new_tokens = 1});
  bench.submit(2, count_up(5, 100), 1);
  const StepPlan plan = bench.plan(); // the first chunk of 1, and all of 2
  ASSERT_EQ(plan.rows.size(), 2u);
  EXPECT_EQ(plan.rows[1].tokens, count_up(5, 100));
  bench.commit(plan);
  bench.run_dry();
}

} // namespace
} // namespace parallm
