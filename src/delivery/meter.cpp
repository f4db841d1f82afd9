#include "delivery/meter.h"

namespace parallm {

namespace {

constexpr const char* kReasonNames[] = {"stop",      "length", "abort",
                                        "cancelled", "error",  "unsatisfiable"};

constexpr double kSecondsPerMs = 1e-3;

} // namespace

Meter::Meter(ServerMetrics& metrics)
    : first_token_(metrics.time_to_first_token_s),
      token_gap_(metrics.inter_token_latency_s),
      queue_(metrics.queue_time_s),
      prefill_(metrics.prefill_time_s),
      decode_(metrics.decode_time_s),
      e2e_(metrics.e2e_latency_s) {
  for (size_t i = 0; i < kReasons; ++i) {
    requests_[i] = &metrics.requests.with({kReasonNames[i]});
  }
}

void Meter::begin_list() {
  now_s_ = Admission::steady_seconds();
}

void Meter::token(const Job& job, Choice& choice) {
  if (choice.last_token_s == 0) {
    first_token_.observe(now_s_ - job.start_s);
  } else {
    token_gap_.observe(now_s_ - choice.last_token_s);
  }
  choice.last_token_s = now_s_;
}

void Meter::finished(
    const Job& job, FinishReason reason, const SequenceStats& stats) {
  requests_[static_cast<size_t>(reason)]->add();
  queue_.observe(stats.queue_ms * kSecondsPerMs);
  prefill_.observe(stats.prefill_ms * kSecondsPerMs);
  decode_.observe(stats.decode_ms * kSecondsPerMs);
  e2e_.observe(now_s_ - job.start_s);
}

void Meter::end_list() {
  for (Tally* tally :
       {&first_token_, &token_gap_, &queue_, &prefill_, &decode_, &e2e_}) {
    tally->flush();
  }
}

} // namespace parallm
