#pragma once

#include <cmath>
#include <cstdint>

// One thread at a time.
namespace parallm {

// How fast jobs have been leaving the queue, over the last two minutes or so
// in which there was a queue at all. Its holder locks.
class LeaveRate {
 public:
  // The queue was not empty for `seconds`.
  void pass(double seconds) {
    const double kept = std::exp(-seconds / kMemorySeconds);
    seconds_ = seconds_ * kept + kMemorySeconds * (1 - kept);
    jobs_ *= kept;
    tokens_ *= kept;
  }

  void leave(int64_t tokens) {
    jobs_ += 1;
    tokens_ += static_cast<double>(tokens);
  }

  // Until so much has left, at the recent rate. While nothing has left, as
  // long again as it has taken already.
  double seconds_for_jobs(double jobs) const { return wait(jobs, jobs_); }
  double seconds_for_tokens(double tokens) const {
    return wait(tokens, tokens_);
  }

 private:
  static constexpr double kMemorySeconds = 120; // twice the longest answer

  double wait(double wanted, double left) const {
    return left > 0 ? wanted * seconds_ / left : seconds_;
  }

  double seconds_ = 0; // all three fade together
  double jobs_ = 0;
  double tokens_ = 0;
};

} // namespace parallm
