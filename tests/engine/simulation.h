#pragma once

#include <random>

#include "engine/engine.h"
#include "tests/engine/answer_book.h"
#include "tests/engine/checked_runner.h"

namespace parallm {

// One random trace: a small engine, requests that arrive, cancels, failures.
// All of it follows from the seed. Every rule is looked at after every step.
class Simulation {
 public:
  explicit Simulation(uint64_t seed) : rng_(seed) {
    options_.geometry = {
        .num_blocks = between(3, 40), .block_tokens = between(1, 5)};
    options_.limits = {
        .max_sequences = between(1, 6),
        .max_step_tokens = between(1, 24),
        .max_chunk_tokens = between(1, 16),
        .max_positions = between(8, 80),
        .watermark_percent = one_in(3) ? 30 : between(0, 2),
        .prefix_cache = !one_in(4),
        .has_states = one_in(5)};
    options_.max_in_flight = between(1, 2);
    fails_ = one_in(3);
    for (auto& base : bases_) {
      base = tokens(60);
    }
  }

  void run() {
    FakeFailures failures = fails_ ? some_failures() : FakeFailures{};
    auto made = std::make_unique<CheckedRunner>(
        FakeGeometry{
            .num_blocks = options_.geometry.num_blocks,
            .block_tokens = options_.geometry.block_tokens,
            .slots = options_.limits.max_sequences,
            .has_states = options_.limits.has_states},
        options_.limits, std::move(failures));
    runner_ = made.get();
    engine_ = std::make_unique<Engine>(
        options_, std::move(made),
        [this](int shard, StepEvents events) {
          const bool once = told_.insert(shard).second;
          EXPECT_TRUE(once || fails_) << "a shard is woken twice a step";
          book_.came(shard, events);
        },
        status_, [this] { return now_ms_ += 0.25; });
    runner_->watch(engine_->scheduler().pool());

    int to_come = between(1, 14);
    while (to_come > 0 || !engine_->idle()) {
      const bool burst = one_in(6);
      for (; to_come > 0 && (burst || one_in(5)); --to_come) {
        submit();
      }
      if (one_in(12) && next_id_ > 0) {
        cancel();
      }
      step();
      ASSERT_LT(turns_++, bound()) << "no progress";
      if (testing::Test::HasFailure()) {
        return;
      }
    }
    check_end();
  }

 private:
  int between(int low, int high) {
    return std::uniform_int_distribution(low, high)(rng_);
  }
  bool one_in(int n) { return between(1, n) == 1; }

  std::vector<TokenId> tokens(int count) {
    std::vector<TokenId> made;
    for (int i = 0; i < count; ++i) {
      made.push_back(between(0, 96));
    }
    return made;
  }

  int max_length() const {
    return std::min(
        options_.limits.max_positions,
        options_.geometry.num_blocks * options_.geometry.block_tokens);
  }

  // Few different beginnings, so that prefixes meet; at times too long.
  std::vector<TokenId> prompt() {
    auto made = bases_[size_t(between(0, 1))];
    made.resize(size_t(between(0, std::min(59, max_length() - 1))));
    const int room = max_length() - int(made.size());
    const auto tail = tokens(one_in(40) ? room + 3 : between(1, room));
    made.insert(
        made.end(), tail.begin(),
        tail.begin() + (one_in(3) ? 1 : std::ptrdiff_t(tail.size())));
    return made;
  }

  void submit() {
    GenerateRequest request{
        .id = RequestId{++next_id_},
        .shard = between(0, 2),
        .prompt = prompt(),
        .choices = one_in(3) ? between(2, 5) : 1,
        .max_new_tokens = one_in(8) ? 0 : between(1, 25),
        .min_new_tokens = one_in(4) ? between(1, 6) : 0,
        .priority = one_in(3) ? between(-3, 3) : 0,
        .cache_salt = one_in(6) ? 7u : 0u};
    request.sampling.seed = uint64_t(between(0, 3));
    request.sampling.logprobs = one_in(4) ? between(0, 3) : -1;
    request.sampling.prompt_logprobs = one_in(4) ? between(0, 3) : -1;
    if (one_in(2)) {
      request.end_tokens = tokens(3);
      request.stop_tokens = tokens(2);
    }
    work_ += request.choices *
             (int(request.prompt.size()) + request.max_new_tokens + 2);
    choices_[request.id] = request.choices;
    book_.asked(request, max_length(), fails_);
    engine_->obey(std::move(request));
  }

  void cancel() {
    const RequestId id{uint64_t(between(1, int(next_id_)))};
    const int choices = choices_[id];
    CancelRequest cancel{
        .id = id, .choice = one_in(2) ? kAllChoices : between(0, choices - 1)};
    book_.cancelled(cancel);
    engine_->obey(cancel);
  }

  FakeFailures some_failures() {
    FakeFailures failures;
    for (auto* where :
         {&failures.launch, &failures.sample, &failures.collect}) {
      for (int i = between(0, 3); i > 0; --i) {
        where->insert(uint64_t(between(1, 60)));
      }
    }
    for (int i = between(0, 6); i > 0; --i) {
      failures.rows.insert({uint64_t(between(1, 60)), between(0, 2)});
    }
    return failures;
  }

  void step() {
    now_ms_ += between(0, 400);
    engine_->step();
    told_.clear();
    ASSERT_FALSE(engine_->failed());
    ASSERT_NO_THROW(engine_->scheduler().check_invariants());
    EXPECT_EQ(runner_->complaints(), std::vector<std::string>{});
    book_.expect_cancelled_are_finished();
  }

  // Were nobody ever preempted, one turn per token would do.
  int bound() const { return 200 + 20 * work_; }

  void check_end() {
    book_.expect_all_finished();
    const Scheduler& scheduler = engine_->scheduler();
    EXPECT_EQ(scheduler.pool().held_blocks(), 0) << "seq.release";
    EXPECT_EQ(scheduler.slots().free_slots(), scheduler.slots().total_slots());
    EXPECT_EQ(scheduler.running() + scheduler.waiting(), 0);
    EXPECT_FALSE(status_.busy);
    ASSERT_NO_THROW(scheduler.check_invariants());
  }

  std::mt19937_64 rng_;
  EngineOptions options_;
  EngineStatus status_;
  std::vector<TokenId> bases_[2];
  AnswerBook book_;
  std::unique_ptr<Engine> engine_;
  CheckedRunner* runner_ = nullptr; // the engine's
  std::map<RequestId, int> choices_;
  std::set<int> told_;
  double now_ms_ = 0;
  uint64_t next_id_ = 0;
  int work_ = 0;
  int turns_ = 0;
  bool fails_ = false;

 public:
  uint64_t preemptions() const { return status_.preemptions; }
  uint64_t prefix_hits() const { return status_.prefix_hits; }
  uint64_t steps() const { return status_.steps; }
  uint64_t failed_steps() const { return status_.failed_steps; }
};

} // namespace parallm
