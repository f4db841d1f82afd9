#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include "base/result.h"
#include "core/generator.h"
#include "delivery/leave_rate.h"

namespace parallm {

struct AdmissionLimits {
  int max_queue = 1024;               // jobs
  int64_t max_queue_tokens = 1 << 20; // prompt tokens
  int64_t max_job_bytes = int64_t{4} << 30;
};

// What a job takes: prompt tokens until it leaves the queue, memory until its
// end.
struct JobCharge {
  int64_t tokens = 0;
  int64_t memory_bytes = 0;
};

class Admission;

// Permits: each gives its count back when it dies.
struct LeaveQueue {
  int64_t tokens = 0;
  void operator()(Admission* admission) const;
};
struct EndJob {
  int64_t memory_bytes = 0;
  void operator()(Admission* admission) const;
};
using QueuePlace = std::unique_ptr<Admission, LeaveQueue>;
using ActiveJob = std::unique_ptr<Admission, EndJob>;

// The guarded counters at the door: who waits, who is on the way. Any thread.
class Admission {
 public:
  // Seconds of a steady clock.
  using Clock = std::function<double()>;

  struct Permits {
    QueuePlace queued{};
    ActiveJob active{};
  };

  explicit Admission(AdmissionLimits limits, Clock clock = steady_seconds);

  // A job that is larger than the bound on tokens may still wait alone.
  Result<Permits, Refusal> enter(const JobCharge& job);

  void drain();
  int active_jobs() const;
  int queued_jobs() const;

  static double steady_seconds();

 private:
  friend struct LeaveQueue;
  friend struct EndJob;

  bool fits(const JobCharge& job) const;
  Refusal queue_full(int64_t tokens) const;
  void pass_time();
  void leave_queue(int64_t tokens);
  void end_job(int64_t memory_bytes);

  const AdmissionLimits limits_;
  const Clock clock_;
  mutable std::mutex mutex_;
  bool draining_ = false;
  int active_jobs_ = 0;
  int queued_jobs_ = 0;
  int64_t queued_tokens_ = 0;
  int64_t memory_bytes_ = 0; // of the active jobs
  double seen_s_ = 0;        // up to here the rate knows
  LeaveRate rate_;
};

} // namespace parallm
