#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "delivery/admission.h"
#include "delivery/delivery.h"
#include "delivery/job_table.h"
#include "delivery/meter.h"

namespace parallm {

// Delivery's part on one shard; all calls on that shard's thread.
class DeliveryShard : public Generator {
 public:
  // What the shards of a Delivery have in common; outlives them.
  struct Common {
    std::shared_ptr<const Tokenizer> tokenizer{};
    DeliveryLimits limits{};
    const EngineStatus& status;
    SubmitFn submit{};
    Admission& admission;
    ServerMetrics* metrics = nullptr;
  };

  DeliveryShard(int index, const Common& common);

  Result<std::unique_ptr<Reply>, Refusal> start(GenerateJob job) override;
  void deliver(StepEvents events);

  // The Reply is gone: cancels what is left and drops later events.
  void abandon(Job& job);
  // What has not ended is to end.
  void cancel_open(const Job& job);

 private:
  std::optional<Refusal> not_ready() const;
  std::shared_ptr<Job> make_job(GenerateJob& request) const;
  bool submit_all(std::shared_ptr<Job> job, std::vector<GenerateRequest>);

  void apply_safely(const JobTable::Entry& entry, TokenEvent& event);
  void apply(const JobTable::Entry& entry, TokenEvent& event);
  void touch(const std::shared_ptr<Job>& job);
  void read(Job& job, Prompt& prompt, Choice& choice, TokenEvent& event);
  void read_token(Job& job, Prompt& prompt, Choice& choice, TokenEvent& event);
  void finish(Job& job, Prompt& prompt, Choice& choice, TokenEvent& event);
  void tell_end(Job& job, const Prompt& prompt, Choice&, TokenEvent& event);
  void add_text(Job& job, Choice& choice);
  void overflow(Job& job);
  void end_open(Job& job, FinishReason reason);
  TextDelta& delta_of(Job& job, Choice& choice);
  void wake_touched();

  const int index_;
  const Common& common_;
  JobTable table_;
  std::optional<Meter> meter_{};              // none without metrics
  uint64_t list_ = 0;                         // lists delivered so far
  std::vector<std::shared_ptr<Job>> touched_; // by this list
  std::string shown_;                         // scratch, for its memory
};

} // namespace parallm
