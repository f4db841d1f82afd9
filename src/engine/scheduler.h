#pragma once

#include <deque>
#include <memory>
#include <unordered_map>

#include "cache/promises.h"
#include "engine/outbox.h"
#include "engine/scheduler_counters.h"
#include "engine/scheduler_limits.h"
#include "engine/sequence.h"
#include "engine/step.h"
#include "engine/wait_queue.h"

namespace parallm {

// Decides who runs next and keeps the books. Integers only: no MLX, no clock,
// no lock, no I/O; time enters as a number. Steps are planned, and committed
// or failed, in order; at most two are planned and uncommitted. What clients
// are to be told gathers and leaves through take_events(). Engine thread only.
class Scheduler {
 public:
  Scheduler(SchedulerLimits limits, CacheGeometry geometry);

  // Each choice becomes a sequence. One that could never run finishes at once
  // with kError: the door should have refused it.
  void submit(GenerateRequest request, double now_ms);

  // What is unknown or finished already is ignored: a race, not a mistake.
  void cancel(const CancelRequest& cancel, double now_ms);

  // Picks the next step and takes its blocks. Without rows, and without an
  // id, if everybody sits this one out.
  StepPlan plan(int budget_tokens, double now_ms);

  // The oldest uncommitted step has run.
  void commit(const StepPlan& plan, StepResult result, double now_ms);

  // The oldest uncommitted step has failed, and with it its rows.
  void fail(const StepPlan& plan, const std::string& error, double now_ms);

  // Ends every sequence; `error` goes with kError. Steps that are launched
  // are still to be committed or failed.
  void finish_all(FinishReason reason, const std::string& error, double now_ms);

  std::vector<ShardEvents> take_events() { return outbox_.take(); }

  bool idle() const { return sequences_.empty(); }
  int running() const { return static_cast<int>(running_.size()); }
  int waiting() const { return queue_.size() + parked_; }
  const BlockPool& pool() const { return pool_; }
  const SlotPool& slots() const { return slots_; }
  const SchedulerLimits& limits() const { return limits_; }
  const SchedulerCounters& counters() const { return counters_; }

  // Everything that must hold between two calls (architecture, section 6).
  // Looks at all there is: for tests, and for a quiet moment.
  void check_invariants() const;

 private:
  struct Launched {
    StepId id{};
    int rows = 0;
  };
  // Else no block gets a key, and none is promised.
  bool shares_blocks() const { return !limits_.has_states; }

  struct Planning; // a step that is being put together
  enum class Admission : uint8_t { kAdmitted, kParked, kNoRoom };

  // plan
  void plan_decodes(Planning& step);
  void plan_prefills(Planning& step);
  void admit_waiting(Planning& step);
  Admission admit(Sequence& seq, Planning& step);
  bool park_behind_promise(Sequence& seq, int stored_blocks);
  std::vector<BlockId> stored_prefix(Sequence& seq);
  int readable_blocks(const Sequence& seq) const;
  void count_prefix(const Sequence& seq);
  bool fits(const Sequence& seq, const BlockList& blocks) const;
  void start(Sequence& seq, BlockList blocks, Planning& step);
  bool grow(Sequence& seq, int tokens, Planning& step);
  bool preempt_worse_than(const Sequence& seq, Planning& step);
  int chunk_end(const Sequence& seq, int budget) const;
  void add_row(Sequence& seq, int end, int known_blocks, Planning& step);
  StepPlan seal(Planning step);
  int coming_blocks() const;
  int coming_blocks(const Sequence& seq) const;

  // commit
  // Takes what it needs out of the result.
  void commit_row(
      Sequence& seq, const StepRow& row, RowResult& result, double now_ms);
  void take_token(
      Sequence& seq, TokenId token, TokenEvent event, double now_ms);
  void hash_blocks(Sequence& seq);
  Sequence& sequence_of(const StepRow& row) const;
  void expect_oldest(const StepPlan& plan);

  // The life of a sequence
  void finish(
      Sequence& seq, FinishReason reason, TokenEvent event, double now_ms);
  void finish_with_error(
      Sequence& seq,
      FinishReason reason,
      const std::string& error,
      double now_ms);
  void leave_queues(Sequence& seq);
  void end_promises(Sequence& seq);
  void end_promise(Sequence& seq, int block);
  void settle(Sequence& seq);
  void close_slot(Sequence& seq);
  void requeue(Sequence& seq);
  void release(Sequence& seq);

  void check_sequence(const Sequence& seq) const;
  void check_held(const Sequence& seq) const; // what a sequence holds
  void check_holders() const;

  const SchedulerLimits limits_;
  const int max_length_; // of a sequence that has the pool for itself
  const int watermark_blocks_;
  BlockPool pool_;
  SlotPool slots_;
  Promises promises_;
  Outbox outbox_;
  SchedulerCounters counters_;

  std::unordered_map<RequestId, Group> groups_;
  std::unordered_map<SeqId, std::unique_ptr<Sequence>> sequences_;
  WaitQueue queue_;
  int parked_ = 0;
  int parked_strangers_ = 0; // of them, behind the promise of another request
  std::vector<Sequence*> running_; // in the order of runs_before
  std::vector<Sequence*> by_slot_;
  std::vector<SlotChange> closed_slots_; // to be told with the next rows
  std::deque<Launched> launched_;        // oldest first
  // Who found no room, and how much there was: no need to look again before
  // there is more.
  SeqId hindered_{};
  int hindered_at_blocks_ = -1;
  uint64_t last_seq_ = 0;
  uint64_t last_step_ = 0;
};

} // namespace parallm
