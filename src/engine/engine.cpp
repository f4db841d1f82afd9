#include "engine/engine.h"

#include <chrono>

#include "base/check.h"
#include "base/log.h"

namespace parallm {

namespace {

// What an exception said, or nothing if there was none.
template <class Work>
std::optional<std::string> attempt(const Work& work) {
  try {
    work();
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "an exception without a message";
  }
  return std::nullopt;
}

} // namespace

double steady_ms() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::milli>(now).count();
}

Engine::Engine(
    EngineOptions options,
    std::unique_ptr<ModelRunner> runner,
    EventSink sink,
    EngineStatus& status,
    Clock clock)
    : options_(options),
      runner_(std::move(runner)),
      sink_(std::move(sink)),
      status_(status),
      now_ms_(std::move(clock)),
      scheduler_(options.limits, options.geometry) {
  PARALLM_CHECK(
      options.max_in_flight == 1 || options.max_in_flight == 2,
      "{} steps in flight", options.max_in_flight);
  publish();
}

void Engine::obey(EngineCommand command) {
  const auto error = attempt([&] {
    if (auto* request = std::get_if<GenerateRequest>(&command)) {
      scheduler_.submit(std::move(*request), now_ms_());
    } else {
      scheduler_.cancel(std::get<CancelRequest>(command), now_ms_());
    }
  });
  if (error) {
    give_up(*error); // our books are wrong; everybody gets the finish
    refuse(command);
  }
}

// For a request that the books may not know: a finish too many is dropped.
void Engine::refuse(const EngineCommand& command) {
  const auto* request = std::get_if<GenerateRequest>(&command);
  if (!request) {
    return;
  }
  StepEvents events;
  for (int choice = 0; choice < request->choices; ++choice) {
    TokenEvent& event = events.emplace_back();
    event.id = request->id;
    event.choice = choice;
    event.finish = FinishReason::kError;
  }
  sink_(request->shard, std::move(events));
}

void Engine::step() {
  if (failed_) { // late comers learn it at once
    finish_all(FinishReason::kError, "[engine] the engine has failed");
    return;
  }
  beat(); // a step that hangs is seen, also the first after idleness
  if (const auto error = attempt([this] { turn(); })) {
    give_up(*error);
  }
  publish();
}

// The loop of the architecture, section 3. While step n+1 is being launched,
// step n still runs; n is committed first, whatever n+1 came to, so that
// events keep their order.
void Engine::turn() {
  StepPlan next = scheduler_.plan(options_.limits.max_step_tokens, now_ms_());
  Error error = launch(next);
  settle_last();
  if (options_.max_in_flight == 2) {
    emit(); // before sampling: shards work while the device does
  }
  if (!error) {
    error = sample(next);
  }
  if (error) {
    fail(next, *error);
  } else if (!next.rows.empty()) {
    last_ = std::move(next);
  }
  if (options_.max_in_flight == 1) {
    settle_last();
  }
  emit(); // with two in flight, only what a failed launch or sample led to
  if (idle()) {
    check_idle_books();
  }
  if (failed_in_a_row_ >= options_.max_failed_steps) {
    give_up(fmt::format("{} steps in a row have failed", failed_in_a_row_));
  }
}

// A quiet moment: whatever is still held now is lost (rule block.books). The
// next request is answered all the same.
void Engine::check_idle_books() const {
  const int held = scheduler_.pool().held_blocks();
  if (held != 0) {
    log::error("[engine] idle, and {} blocks are held by nobody", held);
  }
}

Engine::Error Engine::launch(const StepPlan& plan) {
  if (plan.rows.empty()) {
    return std::nullopt;
  }
  ++steps_;
  return attempt([&] { runner_->launch(plan); });
}

Engine::Error Engine::sample(const StepPlan& plan) {
  if (plan.rows.empty()) {
    return std::nullopt;
  }
  return attempt([&] { runner_->sample(plan); });
}

void Engine::settle_last() {
  if (!last_) {
    return;
  }
  const StepPlan plan = *std::exchange(last_, std::nullopt);
  StepResult result;
  if (const auto error = attempt([&] { result = collect(plan); })) {
    fail(plan, *error);
    return;
  }
  failed_in_a_row_ = 0;
  scheduler_.commit(plan, std::move(result), now_ms_());
}

StepResult Engine::collect(const StepPlan& plan) {
  StepResult result = runner_->collect();
  PARALLM_CHECK(
      result.id == plan.id && result.rows.size() == plan.rows.size(),
      "step {} has {} rows, the result {} has {}",
      static_cast<uint64_t>(plan.id), plan.rows.size(),
      static_cast<uint64_t>(result.id), result.rows.size());
  return result;
}

void Engine::fail(const StepPlan& plan, const std::string& error) {
  ++failed_steps_;
  ++failed_in_a_row_;
  log::error(
      "[engine] step {} of {} rows has failed: {}",
      static_cast<uint64_t>(plan.id), plan.rows.size(), error);
  scheduler_.fail(plan, error, now_ms_());
}

void Engine::give_up(const std::string& error) {
  log::error("[engine] giving up: {}", error);
  failed_ = true;
  status_.state = EngineState::kFailed;
  finish_all(FinishReason::kError, error);
}

void Engine::finish_all(FinishReason reason, const std::string& error) {
  const auto trouble = attempt([&] {
    scheduler_.finish_all(reason, error, now_ms_());
    settle_last();
  });
  if (trouble) {
    log::error("[engine] while ending: {}", *trouble);
  }
  emit();
  publish();
}

void Engine::emit() {
  for (ShardEvents& list : scheduler_.take_events()) {
    const auto error =
        attempt([&] { sink_(list.shard, std::move(list.events)); });
    if (error) {
      log::error("[engine] events of shard {}: {}", list.shard, *error);
    }
  }
}

void Engine::beat() {
  status_.heartbeat_ms = static_cast<int64_t>(now_ms_());
  status_.busy = !idle();
}

void Engine::publish() {
  const SchedulerCounters& sums = scheduler_.counters();
  beat();
  status_.running = scheduler_.running();
  status_.waiting = scheduler_.waiting();
  status_.used_blocks = scheduler_.pool().held_blocks();
  status_.total_blocks = scheduler_.pool().total_blocks();
  status_.steps = steps_;
  status_.failed_steps = failed_steps_;
  status_.preemptions = sums.preemptions;
  status_.prompt_tokens = sums.prompt_tokens;
  status_.generated_tokens = sums.generated_tokens;
  status_.prefix_queries = sums.prefix_queries;
  status_.prefix_hits = sums.prefix_hits;
  status_.prefix_misses_absent = sums.prefix_misses_absent;
  status_.prefix_misses_tail = sums.prefix_misses_tail;
  status_.prefix_misses_scored = sums.prefix_misses_scored;
}

} // namespace parallm
