#include "engine/engine.h"

#include "base/log.h"
#include "tests/engine/answer_book.h"
#include "tests/fakes/scripted_runner.h"

namespace parallm {
namespace {

constexpr int kMaxLength = 64;

EngineOptions options(int max_in_flight) {
  return {
      .limits =
          {.max_sequences = 4,
           .max_step_tokens = 16,
           .max_chunk_tokens = 8,
           .max_positions = kMaxLength},
      .geometry = {.num_blocks = 32, .block_tokens = 4},
      .max_in_flight = max_in_flight,
      .max_failed_steps = 3};
}

// An engine on a fake model, turned by hand.
class EngineTest : public testing::TestWithParam<int> {
 protected:
  EngineTest() { log::silence(); }
  ~EngineTest() override { log::speak(); }

  void make(FakeFailures failures = {}) {
    const FakeGeometry geometry{
        .num_blocks = 32, .block_tokens = 4, .slots = 4};
    make(std::make_unique<FakeRunner>(geometry, std::move(failures)));
  }
  void make(std::unique_ptr<ModelRunner> runner) {
    engine_ = std::make_unique<Engine>(
        options(GetParam()), std::move(runner),
        [this](int shard, StepEvents events) { book_.came(shard, events); },
        status_, [this] { return now_ms_ += 1; });
  }
  void submit(uint64_t id, int prompt_tokens = 5, bool may_fail = false) {
    GenerateRequest request{
        .id = RequestId{id},
        .prompt = std::vector<TokenId>(size_t(prompt_tokens), TokenId(id)),
        .max_new_tokens = 6};
    book_.asked(request, kMaxLength, may_fail);
    engine_->obey(std::move(request));
  }
  void run_dry() {
    for (int i = 0; i < 200 && !engine_->idle(); ++i) {
      engine_->step();
      ASSERT_NO_THROW(engine_->scheduler().check_invariants());
    }
    EXPECT_TRUE(engine_->idle());
    EXPECT_EQ(engine_->scheduler().pool().held_blocks(), 0);
    book_.expect_all_finished();
  }
  FinishReason finish_of(uint64_t id) { return *book_.at(id).finish; }

  AnswerBook book_;
  EngineStatus status_;
  std::unique_ptr<Engine> engine_;
  double now_ms_ = 0;
};

TEST_P(EngineTest, AnswersAsIfEachRequestWereAlone) {
  make();
  for (uint64_t id = 1; id <= 20; ++id) {
    submit(id, 1 + int(id) * 2);
  }
  run_dry();
  EXPECT_EQ(status_.generated_tokens, 120u);
}

TEST_P(EngineTest, AnExceptionCostsOnlyTheRowsOfItsStep) {
  for (auto where :
       {&FakeFailures::launch, &FakeFailures::sample, &FakeFailures::collect}) {
    book_ = {};
    FakeFailures failures;
    (failures.*where).insert(3);
    make(std::move(failures));
    submit(1, 5, true);
    engine_->step();
    engine_->step();
    submit(2, 5, true);
    for (int i = 0; i < 5 && status_.failed_steps == 0; ++i) {
      engine_->step();
    }
    submit(3);
    run_dry();
    EXPECT_EQ(finish_of(1), FinishReason::kError);
    EXPECT_NE(book_.at(1).error, "");
    EXPECT_EQ(finish_of(3), FinishReason::kLength);
    EXPECT_EQ(status_.failed_steps, 1u);
    EXPECT_FALSE(engine_->failed());
  }
}

TEST_P(EngineTest, ARowErrorCostsOneRequest) {
  make({.rows = {{2, 0}}});
  submit(1, 5, true);
  submit(2);
  run_dry();
  EXPECT_EQ(finish_of(1), FinishReason::kError);
  EXPECT_EQ(finish_of(2), FinishReason::kLength);
  EXPECT_EQ(status_.failed_steps, 0u);
}

TEST_P(EngineTest, ATokenThatCameBeforeAFailureIsTold) {
  make({.launch = {3}});
  submit(1, 5, true);
  run_dry();
  EXPECT_EQ(book_.at(1).got.size(), 2u) << "of the steps 1 and 2";
}

TEST_P(EngineTest, GivesUpAfterTooManyFailuresAndStillAnswersEverybody) {
  FakeFailures failures;
  for (uint64_t step = 1; step < 100; ++step) {
    failures.collect.insert(step);
  }
  make(std::move(failures));
  for (uint64_t id = 1; id <= 30; ++id) {
    submit(id, 5, true);
  }
  run_dry();
  EXPECT_TRUE(engine_->failed());
  EXPECT_EQ(status_.state, EngineState::kFailed);
  submit(31, 5, true);
  engine_->step();
  EXPECT_EQ(finish_of(31), FinishReason::kError);
}

TEST_P(EngineTest, ASuccessBetweenFailuresStartsTheCountAnew) {
  make({.collect = {1, 2, 4, 5, 7, 8, 10, 11}});
  for (uint64_t id = 1; id <= 40; ++id) {
    submit(id, 5, true);
  }
  run_dry();
  EXPECT_FALSE(engine_->failed());
  EXPECT_EQ(status_.failed_steps, 8u);
}

TEST_P(EngineTest, FinishAllLeavesNothingBehind) {
  make();
  for (uint64_t id = 1; id <= 10; ++id) {
    submit(id, 5, true);
  }
  engine_->step();
  engine_->step();
  engine_->finish_all(FinishReason::kError, "the end");
  EXPECT_TRUE(engine_->idle());
  book_.expect_all_finished();
  EXPECT_EQ(engine_->scheduler().pool().held_blocks(), 0);
}

// Else a hang in the first step after a quiet time would pass for idleness.
TEST_P(EngineTest, IsBusyFromTheBeginningOfItsFirstStep) {
  struct Watching : ScriptedRunner {
    explicit Watching(const EngineStatus& status)
        : ScriptedRunner([](const ScriptLine&) { return TokenId{5}; }),
          status(status) {}
    void launch(const StepPlan& plan) override {
      launches_while_idle += !status.busy;
      ScriptedRunner::launch(plan);
    }
    const EngineStatus& status;
    int launches_while_idle = 0;
  };
  auto runner = std::make_unique<Watching>(status_);
  const Watching& watching = *runner;
  engine_ = std::make_unique<Engine>(
      options(GetParam()), std::move(runner), [](int, StepEvents) {}, status_);
  engine_->step();
  EXPECT_FALSE(status_.busy);
  engine_->obey(GenerateRequest{
      .id = RequestId{1}, .prompt = {1, 2}, .max_new_tokens = 2});
  for (int i = 0; i < 10; ++i) {
    engine_->step();
  }
  EXPECT_TRUE(engine_->idle());
  EXPECT_EQ(watching.launches_while_idle, 0);
}

TEST_P(EngineTest, PublishesWhatItDoes) {
  make();
  EXPECT_EQ(status_.total_blocks, 32);
  EXPECT_FALSE(status_.busy);
  for (uint64_t id = 1; id <= 6; ++id) {
    submit(id);
  }
  engine_->step();
  EXPECT_TRUE(status_.busy);
  EXPECT_GT(status_.running, 0);
  EXPECT_GT(status_.waiting, 0);
  EXPECT_GT(status_.used_blocks, 0);
  const int64_t beat = status_.heartbeat_ms;
  run_dry();
  EXPECT_FALSE(status_.busy);
  EXPECT_EQ(status_.running + status_.waiting + status_.used_blocks, 0);
  EXPECT_EQ(status_.prompt_tokens, 30u);
  engine_->step();
  EXPECT_GT(status_.heartbeat_ms, beat) << "also when idle";
}

TEST_P(EngineTest, TellsLogprobsOfTokensAndPrompt) {
  make();
  GenerateRequest request{
      .id = RequestId{1}, .prompt = {1, 2, 3}, .max_new_tokens = 2};
  request.sampling.logprobs = 2;
  request.sampling.prompt_logprobs = 1;
  book_.asked(request, kMaxLength, false);
  engine_->obey(std::move(request));
  run_dry();
  EXPECT_EQ(book_.at(1).scores.size(), 2u);
}

TEST_P(EngineTest, SpeaksWhatAScriptedRunnerSays) {
  StepEvents told;
  engine_ = std::make_unique<Engine>(
      options(GetParam()),
      std::make_unique<ScriptedRunner>([](const ScriptLine& line) {
        return TokenId(100 * line.choice + line.position) + line.prompt[0];
      }),
      [&](int, StepEvents events) {
        std::ranges::move(events, std::back_inserter(told));
      },
      status_);
  engine_->obey(GenerateRequest{
      .id = RequestId{1}, .prompt = {7}, .choices = 2, .max_new_tokens = 3});
  for (int i = 0; i < 100 && !engine_->idle(); ++i) {
    engine_->step();
  }
  std::vector<TokenId> tokens[2];
  for (const TokenEvent& event : told) {
    if (event.token != kNoToken) {
      tokens[event.choice].push_back(event.token);
    }
  }
  EXPECT_EQ(tokens[0], (std::vector<TokenId>{7, 8, 9}));
  EXPECT_EQ(tokens[1], (std::vector<TokenId>{107, 108, 109}));
}

INSTANTIATE_TEST_SUITE_P(
    StepsInFlight,
    EngineTest,
    testing::Values(1, 2),
    testing::PrintToStringParamName());

} // namespace
} // namespace parallm
