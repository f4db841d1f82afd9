#include "delivery/admission.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace parallm {

namespace {

constexpr int kMaxRetrySeconds = 60;  // specified: api, section 3
constexpr int kDrainRetrySeconds = 5; // guessed: a restart

int whole_seconds(double seconds) {
  const double bounded =
      std::clamp<double>(std::ceil(seconds), 1, kMaxRetrySeconds);
  return static_cast<int>(bounded);
}

} // namespace

void LeaveQueue::operator()(Admission* admission) const {
  admission->leave_queue(tokens);
}

void EndJob::operator()(Admission* admission) const {
  admission->end_job(memory_bytes);
}

Admission::Admission(AdmissionLimits limits, Clock clock)
    : limits_(limits), clock_(std::move(clock)), seen_s_(clock_()) {
}

double Admission::steady_seconds() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(since).count();
}

Result<Admission::Permits, Refusal> Admission::enter(const JobCharge& job) {
  std::lock_guard lock(mutex_);
  if (draining_) {
    return Refusal{RefusalReason::kDraining, kDrainRetrySeconds};
  }
  pass_time();
  if (!fits(job)) {
    return queue_full(job.tokens);
  }
  ++active_jobs_;
  ++queued_jobs_;
  queued_tokens_ += job.tokens;
  memory_bytes_ += job.memory_bytes;
  return Permits{
      QueuePlace(this, LeaveQueue{job.tokens}),
      ActiveJob(this, EndJob{job.memory_bytes})};
}

void Admission::drain() {
  std::lock_guard lock(mutex_);
  draining_ = true;
}

int Admission::active_jobs() const {
  std::lock_guard lock(mutex_);
  return active_jobs_;
}

int Admission::queued_jobs() const {
  std::lock_guard lock(mutex_);
  return queued_jobs_;
}

bool Admission::fits(const JobCharge& job) const {
  return queued_jobs_ < limits_.max_queue &&
         memory_bytes_ + job.memory_bytes <= limits_.max_job_bytes &&
         (queued_jobs_ == 0 ||
          queued_tokens_ + job.tokens <= limits_.max_queue_tokens);
}

Refusal Admission::queue_full(int64_t tokens) const {
  const int jobs = queued_jobs_ + 1 - limits_.max_queue;
  // A job above the bound waits until nothing is queued.
  const int64_t excess = std::min(
      queued_tokens_, queued_tokens_ + tokens - limits_.max_queue_tokens);
  const double for_place = jobs > 0 ? rate_.seconds_for_jobs(jobs) : 0;
  const double for_tokens =
      excess > 0 ? rate_.seconds_for_tokens(static_cast<double>(excess)) : 0;
  return {
      RefusalReason::kQueueFull,
      whole_seconds(std::max(for_place, for_tokens))};
}

// Only the time in which somebody waited tells how fast the queue moves.
void Admission::pass_time() {
  const double now = clock_();
  if (queued_jobs_ > 0) {
    rate_.pass(now - seen_s_);
  }
  seen_s_ = now;
}

void Admission::leave_queue(int64_t tokens) {
  std::lock_guard lock(mutex_);
  pass_time();
  rate_.leave(tokens);
  --queued_jobs_;
  queued_tokens_ -= tokens;
}

void Admission::end_job(int64_t memory_bytes) {
  std::lock_guard lock(mutex_);
  --active_jobs_;
  memory_bytes_ -= memory_bytes;
}

} // namespace parallm
