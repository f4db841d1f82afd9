#pragma once

#include <functional>
#include <memory>
#include <variant>

#include "core/generator.h"
#include "core/status.h"
#include "text/tokenizer.h"

namespace parallm {

// What delivery sends to an engine. Any thread.
using EngineCommand = std::variant<GenerateRequest, CancelRequest>;
// False: the engine takes no more (it has ended).
using SubmitFn = std::function<bool(EngineCommand)>;

struct DeliveryLimits {
  int max_queue = 1024;               // jobs admitted but not started
  int64_t max_queue_tokens = 1 << 20; // their prompt tokens
  size_t max_buffered_bytes = 1 << 20; // text of one job nobody has taken
};

// Admission and the way back: events -> text -> Reply. One per model; its
// parts are per shard, and each part is used on that shard's thread only.
class Delivery {
 public:
  Delivery(
      int shards,
      std::shared_ptr<const Tokenizer> tokenizer,
      DeliveryLimits limits,
      const EngineStatus& status,
      SubmitFn submit);
  ~Delivery();

  // The door of one shard; call it there only.
  Generator& shard(int index);

  // On the shard's thread: the engine's events for it, in order.
  void deliver(int shard, StepEvents events);

  // Any thread. New jobs are refused with kDraining; running ones go on.
  void drain();
  // Any thread: jobs admitted and not yet ended.
  int active_jobs() const;
  int queued_jobs() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace parallm
