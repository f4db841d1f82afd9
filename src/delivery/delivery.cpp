#include "delivery/delivery.h"

#include "delivery/shard.h"

namespace parallm {

struct Delivery::State {
  State(
      int shard_count,
      std::shared_ptr<const Tokenizer> tokenizer,
      DeliveryLimits limits,
      const EngineStatus& status,
      SubmitFn submit,
      ServerMetrics* metrics)
      : admission(
            {limits.max_queue, limits.max_queue_tokens, limits.max_job_bytes}),
        common{
            .tokenizer = std::move(tokenizer),
            .limits = limits,
            .status = status,
            .submit = std::move(submit),
            .admission = admission,
            .metrics = metrics} {
    for (int i = 0; i < shard_count; ++i) {
      shards.push_back(std::make_unique<DeliveryShard>(i, common));
    }
  }

  Admission admission;
  const DeliveryShard::Common common;
  std::vector<std::unique_ptr<DeliveryShard>> shards{};
};

Delivery::Delivery(
    int shards,
    std::shared_ptr<const Tokenizer> tokenizer,
    DeliveryLimits limits,
    const EngineStatus& status,
    SubmitFn submit,
    ServerMetrics* metrics)
    : state_(std::make_unique<State>(
          shards,
          std::move(tokenizer),
          limits,
          status,
          std::move(submit),
          metrics)) {
}

Delivery::~Delivery() = default;

Generator& Delivery::shard(int index) {
  return *state_->shards[index];
}

void Delivery::deliver(int shard, StepEvents events) {
  state_->shards[shard]->deliver(std::move(events));
}

void Delivery::drain() {
  state_->admission.drain();
}

int Delivery::active_jobs() const {
  return state_->admission.active_jobs();
}

int Delivery::queued_jobs() const {
  return state_->admission.queued_jobs();
}

} // namespace parallm
