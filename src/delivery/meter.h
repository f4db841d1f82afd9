#pragma once

#include <array>

#include "delivery/job.h"
#include "metrics/server_metrics.h"

// One thread at a time.
namespace parallm {

// What a shard counts while it delivers. Gathers for one list of events, then
// tells all at once. Its shard only.
class Meter {
 public:
  explicit Meter(ServerMetrics& metrics);

  void begin_list();
  void token(const Job& job, Choice& choice);
  void finished(const Job& job, FinishReason reason, const SequenceStats&);
  void end_list();

 private:
  static constexpr size_t kReasons = 6;

  double now_s_ = 0;
  std::array<Counter*, kReasons> requests_{}; // by FinishReason
  Tally first_token_;
  Tally token_gap_;
  Tally queue_;
  Tally prefill_;
  Tally decode_;
  Tally e2e_;
};

} // namespace parallm
