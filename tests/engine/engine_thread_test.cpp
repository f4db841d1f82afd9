#include "engine/engine_thread.h"

#include <condition_variable>

#include "base/log.h"
#include "base/thread.h"
#include "tests/engine/answer_book.h"

namespace parallm {
namespace {

using namespace std::chrono_literals;

constexpr int kMaxLength = 64;
constexpr auto kLong = 60s; // a bound for tests that would hang

EngineThread::MakeEngine fake_engine(FakeFailures failures = {}) {
  return [failures](EventSink sink, EngineStatus& status) {
    const EngineOptions options{
        .limits =
            {.max_sequences = 8,
             .max_step_tokens = 32,
             .max_chunk_tokens = 16,
             .max_positions = kMaxLength},
        .geometry = {.num_blocks = 40, .block_tokens = 4}};
    const FakeGeometry geometry{
        .num_blocks = 40, .block_tokens = 4, .slots = 8};
    return std::make_unique<Engine>(
        options, std::make_unique<FakeRunner>(geometry, failures),
        std::move(sink), status);
  };
}

// Where events arrive, seen from a test's thread.
class Inbox {
 public:
  EventSink sink() {
    return [this](int shard, StepEvents events) {
      std::lock_guard lock(mutex_);
      for (TokenEvent& event : events) {
        finishes_ += event.finish.has_value();
        lists_.emplace_back(shard, StepEvents{});
        lists_.back().second.push_back(std::move(event));
      }
      changed_.notify_all();
    };
  }
  bool wait_finishes(size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kLong, [&] { return finishes_ >= count; });
  }
  size_t finishes() {
    std::lock_guard lock(mutex_);
    return finishes_;
  }
  size_t finishes(FinishReason reason) {
    std::lock_guard lock(mutex_);
    size_t count = 0;
    for (const auto& [shard, events] : lists_) {
      count += size_t(std::ranges::count(events, reason, &TokenEvent::finish));
    }
    return count;
  }
  void read_into(AnswerBook& book) {
    std::lock_guard lock(mutex_);
    for (const auto& [shard, events] : lists_) {
      book.came(shard, events);
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::pair<int, StepEvents>> lists_;
  size_t finishes_ = 0;
};

GenerateRequest request_of(uint64_t id, int tokens = 12) {
  return {
      .id = RequestId{id},
      .shard = int(id % 3),
      .prompt = std::vector<TokenId>(1 + id % 40, TokenId(id % 11)),
      .choices = id % 5 == 0 ? 3 : 1,
      .max_new_tokens = tokens};
}

TEST(EngineThread, AnswersManySubmittersAsIfEachWereAlone) {
  Inbox inbox;
  EngineStatus status;
  EngineThread engine(fake_engine(), inbox.sink(), status);
  engine.wait_ready();
  constexpr int kThreads = 8;
  constexpr int kEach = 40;
  AnswerBook book;
  size_t choices = 0;
  for (uint64_t id = 1; id <= kThreads * kEach; ++id) {
    book.asked(request_of(id), kMaxLength, false);
    choices += size_t(request_of(id).choices);
  }
  std::mutex cancels_mutex;
  {
    std::vector<Thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.push_back(start_thread("submitter", [&, t] {
        for (int i = 0; i < kEach; ++i) {
          const uint64_t id = uint64_t(t * kEach + i + 1);
          EXPECT_TRUE(engine.submit(request_of(id)));
          if (id % 7 == 0) {
            const CancelRequest cancel{.id = RequestId{id}};
            EXPECT_TRUE(engine.submit(cancel));
            std::lock_guard lock(cancels_mutex);
            book.cancelled(cancel);
          }
        }
      }));
    }
  }
  EXPECT_TRUE(inbox.wait_finishes(choices));
  EXPECT_TRUE(engine.wait_drained(kLong));
  EXPECT_EQ(status.state, EngineState::kDraining);
  EXPECT_EQ(status.used_blocks, 0);
  engine.stop();
  inbox.read_into(book);
  book.expect_all_finished();
}

TEST(EngineThread, StopGivesEveryRequestItsFinishAndTakesNoMore) {
  Inbox inbox;
  EngineStatus status;
  EngineThread engine(fake_engine(), inbox.sink(), status);
  size_t choices = 0;
  for (uint64_t id = 1; id <= 500; ++id) { // also before it is ready
    GenerateRequest request = request_of(id, 40);
    choices += size_t(request.choices);
    ASSERT_TRUE(engine.submit(std::move(request)));
  }
  engine.stop();
  EXPECT_EQ(inbox.finishes(), choices);
  EXPECT_EQ(inbox.finishes(FinishReason::kAbort), 0u); // an admin's word
  EXPECT_FALSE(engine.submit(request_of(501)));
  EXPECT_TRUE(engine.wait_drained(kLong));
}

TEST(EngineThread, ASubmitThatRacesWithStopIsRefusedOrFinished) {
  for (int round = 0; round < 20; ++round) {
    Inbox inbox;
    EngineStatus status;
    std::atomic<size_t> taken = 0;
    {
      EngineThread engine(fake_engine(), inbox.sink(), status);
      std::vector<Thread> threads;
      for (uint64_t t = 0; t < 4; ++t) {
        threads.push_back(start_thread("submitter", [&, t] {
          for (uint64_t i = 1; i <= 30; ++i) {
            GenerateRequest request = request_of(t * 1000 + i, 5);
            const size_t choices = size_t(request.choices);
            taken += engine.submit(std::move(request)) ? choices : 0;
          }
        }));
      }
      if (round % 2 == 0) {
        engine.wait_ready();
      }
      engine.stop();
    }
    EXPECT_EQ(inbox.finishes(), taken);
  }
}

TEST(EngineThread, HandsWhatTheFactoryThrewToTheStarter) {
  Inbox inbox;
  EngineStatus status;
  std::promise<void> submitted;
  EngineThread engine(
      [&](EventSink, EngineStatus&) -> std::unique_ptr<Engine> {
        submitted.get_future().wait();
        throw StartError(kExitBadData, "no such tensor");
      },
      inbox.sink(), status);
  ASSERT_TRUE(engine.submit(request_of(5)));
  submitted.set_value();
  try {
    engine.wait_ready();
    FAIL() << "expected a StartError";
  } catch (const StartError& error) {
    EXPECT_STREQ(error.what(), "no such tensor");
    EXPECT_EQ(error.exit_code, kExitBadData);
  }
  engine.stop();
  EXPECT_EQ(status.state, EngineState::kFailed);
  EXPECT_EQ(inbox.finishes(), 3u) << "nobody is left without an answer";
}

TEST(EngineThread, MakesAndDestroysTheEngineOnItsOwnThread) {
  struct Homebody : ModelRunner {
    explicit Homebody(std::thread::id& died) : died_(died) {}
    ~Homebody() override { died_ = std::this_thread::get_id(); }
    void launch(const StepPlan&) override {}
    void sample(const StepPlan&) override {}
    StepResult collect() override { return {}; }
    std::thread::id& died_;
  };
  std::thread::id born;
  std::thread::id died;
  EngineStatus status;
  {
    EngineThread engine(
        [&](EventSink sink, EngineStatus& made_status) {
          born = std::this_thread::get_id();
          return std::make_unique<Engine>(
              EngineOptions{.geometry = {.num_blocks = 4}},
              std::make_unique<Homebody>(died), std::move(sink), made_status);
        },
        [](int, StepEvents) {}, status);
    engine.wait_ready();
  }
  EXPECT_EQ(born, died);
  EXPECT_NE(born, std::this_thread::get_id());
}

TEST(EngineThread, DrainWaitsForTheLastAnswerAndGivesUpInTime) {
  Inbox inbox;
  EngineStatus status;
  EngineThread engine(fake_engine(), inbox.sink(), status);
  for (uint64_t id = 1; id <= 100; ++id) {
    ASSERT_TRUE(engine.submit(request_of(id)));
  }
  engine.wait_drained(0ms); // either answer; it must return
  EXPECT_TRUE(engine.wait_drained(kLong));
  EXPECT_EQ(inbox.finishes(), 140u);
}

TEST(EngineThread, AnEngineThatGaveUpAnswersStill) {
  log::silence();
  FakeFailures failures;
  for (uint64_t step = 1; step < 100; ++step) {
    failures.launch.insert(step);
  }
  Inbox inbox;
  EngineStatus status;
  EngineThread engine(fake_engine(failures), inbox.sink(), status);
  for (uint64_t id = 1; id <= 300; ++id) {
    ASSERT_TRUE(engine.submit(request_of(id)));
  }
  EXPECT_TRUE(inbox.wait_finishes(300 + 120));
  EXPECT_EQ(status.state, EngineState::kFailed);
  ASSERT_TRUE(engine.submit(request_of(301)));
  EXPECT_TRUE(inbox.wait_finishes(300 + 121));
  EXPECT_TRUE(engine.wait_drained(kLong));
  EXPECT_EQ(status.state, EngineState::kFailed);
  log::speak();
}

} // namespace
} // namespace parallm
