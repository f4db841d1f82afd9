#pragma once

#include <functional>
#include <memory>

#include "core/command.h"
#include "core/generator.h"
#include "core/status.h"
#include "text/tokenizer.h"

namespace parallm {

class ServerMetrics;

// False: the engine takes no more (it has ended). Called on shards; must not
// block and must not call back.
using SubmitFn = std::function<bool(EngineCommand)>;

struct DeliveryLimits {
  int max_queue = 1024;                     // jobs admitted but not started
  int64_t max_queue_tokens = 1 << 20;       // their prompt tokens
  size_t max_buffered_bytes = 1 << 20;      // text of one job nobody has taken
  int64_t max_job_bytes = int64_t{4} << 30; // all active jobs together
};

// Admission and the way back: events -> text -> Reply. One per model; its
// parts are per shard, and each part is used on that shard's thread only. It
// outlives its replies. A choice that a stop string ends is cancelled at once
// and told to have ended when the engine has finished it, at most a step
// later: that event brings the statistics.
class Delivery {
 public:
  Delivery(
      int shards,
      std::shared_ptr<const Tokenizer> tokenizer,
      DeliveryLimits limits,
      const EngineStatus& status,
      SubmitFn submit,
      ServerMetrics* metrics = nullptr); // outlives it, if given
  ~Delivery();

  // The door of one shard; call it there only.
  Generator& shard(int index);

  // On the shard's thread: the engine's events for it, in order.
  void deliver(int shard, StepEvents events);

  // Any thread. New jobs are refused with kDraining; running ones go on.
  void drain();
  // Any thread. Active: the reply lives and has not told every end, or the
  // engine has not finished every choice. Queued: no event has come yet.
  int active_jobs() const;
  int queued_jobs() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace parallm
