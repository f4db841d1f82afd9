#pragma once

#include <chrono>
#include <future>
#include <thread>

#include "base/mailbox.h"
#include "base/thread.h"
#include "engine/engine.h"

namespace parallm {

// Owns the one thread that touches MLX. The engine is made, used and destroyed
// on it. Commands come in from any thread; events leave through the sink.
class EngineThread {
 public:
  // Called on the engine thread: loads the model, makes the runner.
  using MakeEngine =
      std::function<std::unique_ptr<Engine>(EventSink, EngineStatus&)>;

  // `status` outlives this object and has no other writer.
  EngineThread(MakeEngine make, EventSink sink, EngineStatus& status);
  ~EngineThread();

  // Any thread. False once the engine takes no more; else every request gets
  // its finish, whatever happens.
  bool submit(EngineCommand command);

  // The rest is for the owner's thread.

  // Blocks until the engine is made; throws what making it threw. Once.
  void wait_ready() { ready_.get_future().get(); }

  // Blocks until every request has its finish, or until the time is up: then
  // false. The door is to be closed already.
  bool wait_drained(std::chrono::milliseconds limit);

  // Blocks until the thread has ended. Unfinished requests end with
  // kCancelled.
  void stop();

 private:
  using Drained = std::shared_ptr<std::promise<void>>; // shared with a waiter
  using Message = std::variant<EngineCommand, Drained>;

  void run(const MakeEngine& make);
  std::unique_ptr<Engine> start(const MakeEngine& make);
  void loop(Engine& engine);
  void obey(Engine& engine, std::vector<Message>& messages);
  void refuse(std::vector<Message> messages);

  EventSink sink_;
  EngineStatus& status_;
  Mailbox<Message> inbox_;
  std::vector<Drained> drains_; // engine thread
  std::promise<void> ready_;    // dies after the thread, and its exception too
  Thread thread_;               // last: it uses all of the above
};

} // namespace parallm
