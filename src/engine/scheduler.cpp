#include "engine/scheduler.h"

#include <algorithm>

#include "base/check.h"
#include "base/hash.h"

namespace parallm {

namespace {

EventDetails& details_of(TokenEvent& event) {
  if (!event.details) {
    event.details = std::make_unique<EventDetails>();
  }
  return *event.details;
}

TokenEvent event_of(const Sequence& seq) {
  return {.id = seq.request().id, .choice = seq.choice};
}

Promises::Party party(const Sequence& seq) {
  return Promises::Party{static_cast<uint64_t>(seq.id)};
}

bool before(const Sequence* a, const Sequence* b) {
  return runs_before(*a, *b);
}

int percent_of(int whole, int percent) {
  return (whole * percent + 99) / 100;
}

// What is wrong with the runner's answer, or nothing.
std::string complaint(const StepRow& row, const RowResult& result) {
  if (!result.error.empty()) {
    return result.error;
  }
  const size_t tokens = row.heads.sample ? 1 : 0;
  if (result.accepted.size() != tokens) {
    return fmt::format(
        "[step] expected {} tokens of a row, got {}", tokens,
        result.accepted.size());
  }
  const int unscored = row.next_token == kNoToken ? 1 : 0;
  const int scores =
      row.heads.prompt_logprobs ? row.end - row.begin - unscored : 0;
  if (result.prompt_logprobs.size() != size_t(scores)) {
    return fmt::format(
        "[step] expected {} prompt logprobs of a row, got {}", scores,
        result.prompt_logprobs.size());
  }
  return {};
}

} // namespace

Scheduler::Scheduler(SchedulerLimits limits, CacheGeometry geometry)
    : limits_(limits),
      max_length_(std::min(
          limits.max_positions, geometry.num_blocks * geometry.block_tokens)),
      watermark_blocks_(
          percent_of(geometry.num_blocks, limits.watermark_percent)),
      pool_(geometry),
      slots_(limits.max_sequences),
      by_slot_(size_t(limits.max_sequences)) {
  PARALLM_CHECK(
      limits.max_step_tokens > 0 && limits.max_chunk_tokens > 0,
      "{} tokens a step, {} a chunk", limits.max_step_tokens,
      limits.max_chunk_tokens);
}

void Scheduler::submit(GenerateRequest request, double now_ms) {
  PARALLM_CHECK(request.choices > 0, "{} choices", request.choices);
  PARALLM_CHECK(
      !groups_.contains(request.id), "request {} is here already",
      static_cast<uint64_t>(request.id));
  const uint64_t salt =
      limits_.prefix_cache
          ? request.cache_salt
          : hash_combine(request.cache_salt, static_cast<uint64_t>(request.id));
  const RequestId id = request.id;
  Group& group = groups_[id];
  group = {.request = std::move(request), .root = root_key(salt)};

  const int prompt = static_cast<int>(group.request.prompt.size());
  const int room = std::max(max_length_ - prompt, 0);
  const bool can_run = prompt > 0 && prompt <= max_length_;
  std::vector<Sequence*> made;
  for (int choice = 0; choice < group.request.choices; ++choice) {
    const SeqId seq_id{++last_seq_};
    auto seq = std::make_unique<Sequence>(seq_id, group, choice, pool_);
    seq->submitted_ms = now_ms;
    seq->max_length = prompt + std::min(group.request.max_new_tokens, room);
    queue_.insert(*seq);
    made.push_back(seq.get());
    sequences_.emplace(seq_id, std::move(seq));
  }
  group.unreleased = made;
  for (Sequence* seq : made) {
    if (!can_run) {
      finish_with_error(
          *seq, FinishReason::kError,
          fmt::format(
              "[submit] {} prompt tokens, expected 1 to {}", prompt,
              max_length_),
          now_ms);
      settle(*seq);
    }
  }
}

void Scheduler::cancel(const CancelRequest& cancel, double now_ms) {
  const auto group = groups_.find(cancel.id);
  if (group == groups_.end()) {
    return;
  }
  // A copy: releasing changes the list, and the last release ends the group.
  const std::vector<Sequence*> choices = group->second.unreleased;
  for (Sequence* seq : choices) {
    const bool meant =
        cancel.choice == kAllChoices || cancel.choice == seq->choice;
    if (meant && seq->state != SequenceState::kFinished) {
      finish(*seq, FinishReason::kCancelled, event_of(*seq), now_ms);
      settle(*seq);
    }
  }
}

void Scheduler::finish_all(
    FinishReason reason, const std::string& error, double now_ms) {
  std::vector<Sequence*> unfinished;
  for (const auto& [id, seq] : sequences_) {
    if (seq->state != SequenceState::kFinished) {
      unfinished.push_back(seq.get());
    }
  }
  std::ranges::sort(unfinished, {}, [](Sequence* seq) { return seq->id; });
  for (Sequence* seq : unfinished) {
    TokenEvent event = event_of(*seq);
    if (!error.empty()) {
      details_of(event).error = error;
    }
    finish(*seq, reason, std::move(event), now_ms);
    settle(*seq);
  }
}

// Commit ---------------------------------------------------------------------

void Scheduler::commit(const StepPlan& plan, StepResult result, double now_ms) {
  expect_oldest(plan);
  PARALLM_CHECK(
      result.rows.size() == plan.rows.size(), "{} results for {} rows",
      result.rows.size(), plan.rows.size());
  launched_.pop_front();
  for (size_t i = 0; i < plan.rows.size(); ++i) {
    const StepRow& row = plan.rows[i];
    Sequence& seq = sequence_of(row);
    --seq.in_flight;
    seq.pending_tokens -= row.heads.sample;
    if (seq.state != SequenceState::kFinished) { // else it ran in vain
      commit_row(seq, row, result.rows[i], now_ms);
    }
    settle(seq);
  }
}

void Scheduler::fail(
    const StepPlan& plan, const std::string& error, double now_ms) {
  expect_oldest(plan);
  launched_.pop_front();
  for (const StepRow& row : plan.rows) {
    Sequence& seq = sequence_of(row);
    --seq.in_flight;
    seq.pending_tokens -= row.heads.sample;
    if (seq.state != SequenceState::kFinished) {
      finish_with_error(seq, FinishReason::kError, error, now_ms);
    }
    settle(seq);
  }
}

void Scheduler::expect_oldest(const StepPlan& plan) {
  PARALLM_CHECK(
      !launched_.empty() && launched_.front().id == plan.id,
      "step {} is not the oldest of {}", static_cast<uint64_t>(plan.id),
      launched_.size());
}

Sequence& Scheduler::sequence_of(const StepRow& row) const {
  Sequence* seq = by_slot_.at(size_t(row.slot));
  PARALLM_CHECK(
      seq != nullptr && seq->id == row.seq, "slot {} is not sequence {}'s",
      row.slot, static_cast<uint64_t>(row.seq));
  return *seq;
}

void Scheduler::commit_row(
    Sequence& seq, const StepRow& row, RowResult& result, double now_ms) {
  if (const auto error = complaint(row, result); !error.empty()) {
    const auto reason = result.unsatisfiable ? FinishReason::kUnsatisfiable
                                             : FinishReason::kError;
    return finish_with_error(seq, reason, error, now_ms);
  }
  seq.computed = row.end;
  hash_blocks(seq);
  TokenEvent event = event_of(seq);
  if (row.heads.prompt_logprobs) {
    seq.scored = std::min(row.end, seq.history.prompt_tokens() - 1);
    details_of(event).prompt_logprobs = std::move(result.prompt_logprobs);
  }
  if (row.heads.sample) {
    if (!result.logprobs.empty()) {
      details_of(event).logprobs = std::move(result.logprobs.front());
    }
    take_token(seq, result.accepted.front(), std::move(event), now_ms);
  } else if (row.end >= seq.max_length) { // only the prompt was asked for
    finish(seq, FinishReason::kLength, std::move(event), now_ms);
  } else if (event.details) {
    outbox_.put(seq.request().shard, std::move(event));
  }
}

void Scheduler::take_token(
    Sequence& seq, TokenId token, TokenEvent event, double now_ms) {
  seq.history.push_back(token);
  ++counters_.generated_tokens;
  if (!seq.first_token_ms) {
    seq.first_token_ms = now_ms;
  }
  event.token = token;
  if (const auto reason = seq.finish_after(token)) {
    finish(seq, *reason, std::move(event), now_ms);
  } else {
    outbox_.put(seq.request().shard, std::move(event));
  }
}

// Only blocks full of committed tokens get a key (rule block.hash).
void Scheduler::hash_blocks(Sequence& seq) {
  if (!shares_blocks()) {
    return;
  }
  const int size = pool_.block_tokens();
  std::vector<TokenId> scratch;
  for (; seq.hashed_blocks < seq.computed / size; ++seq.hashed_blocks) {
    const int i = seq.hashed_blocks;
    const PrefixKey key = seq.key(i, size);
    pool_.hash(
        seq.blocks.ids()[size_t(i)], key, seq.parent_key(i),
        seq.history.view(i * size, (i + 1) * size, scratch));
    end_promise(seq, i);
  }
}

// The life of a sequence -----------------------------------------------------

void Scheduler::finish(
    Sequence& seq, FinishReason reason, TokenEvent event, double now_ms) {
  event.finish = reason;
  details_of(event).stats = seq.stats(now_ms);
  outbox_.put(seq.request().shard, std::move(event));
  leave_queues(seq);
  seq.state = SequenceState::kFinished;
}

void Scheduler::finish_with_error(
    Sequence& seq,
    FinishReason reason,
    const std::string& error,
    double now_ms) {
  TokenEvent event = event_of(seq);
  details_of(event).error = error;
  finish(seq, reason, std::move(event), now_ms);
}

void Scheduler::leave_queues(Sequence& seq) {
  switch (seq.state) {
    case SequenceState::kQueued:
      PARALLM_CHECK(queue_.erase(seq), "a queued sequence is not in the queue");
      break;
    case SequenceState::kParked:
      promises_.leave(seq.awaited, party(seq));
      --parked_;
      parked_strangers_ -= seq.awaits_stranger;
      break;
    case SequenceState::kRunning:
      running_.erase(std::ranges::lower_bound(running_, &seq, before));
      end_promises(seq);
      break;
    case SequenceState::kLeaving:
    case SequenceState::kFinished:
      break;
  }
}

void Scheduler::end_promises(Sequence& seq) {
  for (int i = seq.hashed_blocks; i < seq.promised_blocks; ++i) {
    end_promise(seq, i);
  }
  seq.promised_blocks = 0;
}

void Scheduler::end_promise(Sequence& seq, int block) {
  const PrefixKey key = seq.keys[size_t(block)];
  for (const Promises::Party waiter : promises_.end(key, party(seq))) {
    Sequence& woken = *sequences_.at(SeqId{static_cast<uint64_t>(waiter)});
    woken.state = SequenceState::kQueued;
    queue_.insert(woken);
    --parked_;
    parked_strangers_ -= woken.awaits_stranger;
  }
}

// Gives back what a sequence holds, once no launched step names it (rules
// seq.release and seq.preempt). A finished sequence is gone afterwards.
void Scheduler::settle(Sequence& seq) {
  if (seq.in_flight > 0) {
    return;
  }
  if (seq.state == SequenceState::kFinished) {
    release(seq);
  } else if (seq.state == SequenceState::kLeaving) {
    requeue(seq);
  }
}

void Scheduler::close_slot(Sequence& seq) {
  if (!seq.slot.held()) {
    return;
  }
  closed_slots_.push_back(
      {.kind = SlotChange::Kind::kClose,
       .slot = seq.slot.number(),
       .seq = seq.id});
  by_slot_[size_t(seq.slot.number())] = nullptr;
  Slot given_back = std::move(seq.slot);
}

// Back to waiting, in its old place: arrival counts, and what it has cost.
void Scheduler::requeue(Sequence& seq) {
  PARALLM_CHECK(
      seq.pending_tokens == 0, "{} tokens are lost", seq.pending_tokens);
  close_slot(seq);
  seq.blocks.clear();
  seq.computed = 0;
  seq.planned = 0;
  seq.hashed_blocks = 0;
  seq.state = SequenceState::kQueued;
  queue_.insert(seq);
}

void Scheduler::release(Sequence& seq) {
  close_slot(seq);
  Group& group = seq.group;
  std::erase(group.unreleased, &seq);
  sequences_.erase(seq.id);
  if (group.unreleased.empty()) {
    groups_.erase(group.request.id);
  }
}

} // namespace parallm
