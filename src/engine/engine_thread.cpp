#include "engine/engine_thread.h"

#include "base/thread.h"

namespace parallm {

namespace {

// The heartbeat goes on while nothing happens.
constexpr std::chrono::milliseconds kIdleTurn{1000};

} // namespace

EngineThread::EngineThread(
    MakeEngine make, EventSink sink, EngineStatus& status)
    : sink_(std::move(sink)), status_(status) {
  thread_ =
      start_thread("engine", [this, make = std::move(make)] { run(make); });
}

EngineThread::~EngineThread() {
  stop();
}

bool EngineThread::submit(EngineCommand command) {
  return inbox_.put(std::move(command));
}

bool EngineThread::wait_drained(std::chrono::milliseconds limit) {
  auto drained = std::make_shared<std::promise<void>>();
  std::future<void> done = drained->get_future();
  if (!inbox_.put(std::move(drained))) {
    return true; // it has ended, and with it every request
  }
  return done.wait_for(limit) == std::future_status::ready;
}

void EngineThread::stop() {
  inbox_.close();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void EngineThread::run(const MakeEngine& make) {
  if (auto engine = start(make)) {
    loop(*engine);
    engine->finish_all(FinishReason::kCancelled);
  } else {
    inbox_.close();
    refuse(inbox_.take());
  }
  drains_.clear();
}

std::unique_ptr<Engine> EngineThread::start(const MakeEngine& make) {
  try {
    auto engine = make(sink_, status_);
    status_.state = EngineState::kReady;
    ready_.set_value();
    return engine;
  } catch (...) {
    status_.state = EngineState::kFailed;
    ready_.set_exception(std::current_exception());
    return nullptr;
  }
}

void EngineThread::loop(Engine& engine) {
  std::vector<Message> messages;
  bool open = true;
  while (open) {
    open = !inbox_.closed(); // before taking: nothing is put afterwards
    const bool quiet = engine.idle() || engine.failed();
    messages = quiet ? inbox_.wait_for(kIdleTurn, std::move(messages))
                     : inbox_.take(std::move(messages));
    obey(engine, messages);
    engine.step();
    if (engine.idle() || engine.failed()) {
      for (const Drained& drained : std::exchange(drains_, {})) {
        drained->set_value();
      }
    }
  }
}

void EngineThread::obey(Engine& engine, std::vector<Message>& messages) {
  for (Message& message : messages) {
    if (auto* command = std::get_if<EngineCommand>(&message)) {
      engine.obey(std::move(*command));
      continue;
    }
    drains_.push_back(std::get<Drained>(std::move(message)));
    EngineState ready = EngineState::kReady; // a failed engine stays failed
    status_.state.compare_exchange_strong(ready, EngineState::kDraining);
  }
}

// There is no engine to answer them.
void EngineThread::refuse(std::vector<Message> messages) {
  for (Message& message : messages) {
    const auto* command = std::get_if<EngineCommand>(&message);
    const auto* request =
        command ? std::get_if<GenerateRequest>(command) : nullptr;
    if (!request) {
      continue;
    }
    StepEvents events;
    for (int choice = 0; choice < request->choices; ++choice) {
      TokenEvent& event = events.emplace_back();
      event.id = request->id;
      event.choice = choice;
      event.finish = FinishReason::kError;
      event.details = std::make_unique<EventDetails>();
      event.details->error = "[engine] the engine did not start";
      event.details->stats =
          SequenceStats{.prompt_tokens = int(request->prompt.size())};
    }
    sink_(request->shard, std::move(events));
  }
}

} // namespace parallm
