#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "core/command.h"
#include "core/status.h"
#include "engine/model_runner.h"
#include "engine/scheduler.h"

namespace parallm {

// Called on the engine thread, once per step for each shard with events.
using EventSink = std::function<void(int shard, StepEvents events)>;

struct EngineOptions {
  SchedulerLimits limits{};
  CacheGeometry geometry{};
  // 2: a step is planned and launched while the one before still runs.
  // 1: for backends on which that does not pay, and for tests.
  int max_in_flight = 2;
  int max_failed_steps = 16; // in a row; then the engine gives up
};

// Milliseconds since anything; never backwards.
using Clock = std::function<double()>;
double steady_ms();

// The step loop as a state machine: no thread of its own, so that a simulator
// with a virtual clock drives the same code. Engine thread only.
class Engine {
 public:
  Engine(
      EngineOptions options,
      std::unique_ptr<ModelRunner> runner,
      EventSink sink,
      EngineStatus& status,
      Clock clock = steady_ms);

  // Never throws. What a command leads to is told at the next step().
  void obey(EngineCommand command);

  // One turn: plan and launch a step, wait for the one before and tell what
  // it brought. Never throws: an exception of the runner costs the rows of
  // the step it came from; one of our own books ends the engine, not the
  // process. Does nothing when idle but tell what obey() led to.
  void step();

  // No sequence is here, and no step is launched.
  bool idle() const { return scheduler_.idle() && !last_; }
  bool failed() const { return failed_; }

  // Every sequence gets its finish; launched steps are waited for.
  void finish_all(FinishReason reason, const std::string& error = {});

  const Scheduler& scheduler() const { return scheduler_; }

 private:
  using Error = std::optional<std::string>; // what an exception said

  void turn();
  Error launch(const StepPlan& plan);
  Error sample(const StepPlan& plan);
  void settle_last();
  StepResult collect(const StepPlan& plan);
  void fail(const StepPlan& plan, const std::string& error);
  void give_up(const std::string& error);
  void emit();
  void check_idle_books() const;
  void refuse(const EngineCommand& command);
  void beat();
  void publish();

  const EngineOptions options_;
  std::unique_ptr<ModelRunner> runner_;
  EventSink sink_;
  EngineStatus& status_;
  Clock now_ms_;
  Scheduler scheduler_;
  std::optional<StepPlan> last_; // launched and sampled, not collected
  int failed_in_a_row_ = 0;
  uint64_t steps_ = 0;
  uint64_t failed_steps_ = 0;
  bool failed_ = false;
};

} // namespace parallm
