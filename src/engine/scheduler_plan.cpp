// How the next step is put together: who decodes, who goes on with a prompt,
// who is admitted, who has to make room.

#include <algorithm>

#include "base/check.h"
#include "engine/scheduler.h"

namespace parallm {

namespace {

SlotChange open_slot(const Sequence& seq) {
  const GenerateRequest& request = seq.request();
  SlotChange open{
      .kind = SlotChange::Kind::kOpen,
      .slot = seq.slot.number(),
      .seq = seq.id,
      .choice = seq.choice,
      .prompt_tokens = seq.history.prompt_tokens(),
      .history = seq.history.copy(0, seq.length()),
      .sampling = request.sampling,
      .min_new_tokens = request.min_new_tokens};
  open.ending_tokens.reserve(
      request.end_tokens.size() + request.stop_tokens.size());
  std::ranges::copy(request.end_tokens, std::back_inserter(open.ending_tokens));
  std::ranges::copy(
      request.stop_tokens, std::back_inserter(open.ending_tokens));
  return open;
}

bool before(const Sequence* a, const Sequence* b) {
  return runs_before(*a, *b);
}

} // namespace

struct Scheduler::Planning {
  StepPlan plan{};
  int budget = 0; // tokens that may still be fed
  double now_ms = 0;
  bool short_of_blocks = false;
  // Blocks of those who leave, not yet counted on by anybody in this step.
  int coming_blocks = 0;
};

StepPlan Scheduler::plan(int budget_tokens, double now_ms) {
  PARALLM_CHECK(launched_.size() < 2, "two steps are launched already");
  Planning step{
      .budget = std::clamp(budget_tokens, 1, limits_.max_step_tokens),
      .now_ms = now_ms};
  step.plan.rows.reserve(running_.size() + 1);
  plan_decodes(step);
  plan_prefills(step);
  if (!step.short_of_blocks) {
    admit_waiting(step);
  }
  return seal(std::move(step));
}

// By index: who is preempted on the way stands behind the one looked at.
void Scheduler::plan_decodes(Planning& step) {
  for (size_t i = 0; i < running_.size() && step.budget > 0; ++i) {
    Sequence& seq = *running_[i];
    if (!seq.decodes() || seq.ends_with_pending()) {
      continue;
    }
    const int known_blocks = seq.blocks.size();
    if (grow(seq, seq.planned + 1, step)) {
      add_row(seq, seq.planned + 1, known_blocks, step);
    }
  }
}

// Their blocks were taken when they were admitted.
void Scheduler::plan_prefills(Planning& step) {
  for (size_t i = 0; i < running_.size() && step.budget > 0; ++i) {
    Sequence& seq = *running_[i];
    if (seq.planned < seq.length() - 1) {
      add_row(seq, chunk_end(seq, step.budget), seq.blocks.size(), step);
    }
  }
}

// Makes sure of the blocks for `tokens` positions. Otherwise the sequence
// sits this step out: for blocks that are on their way, or for good luck.
bool Scheduler::grow(Sequence& seq, int tokens, Planning& step) {
  while (!seq.blocks.reserve(tokens)) {
    if (!step.short_of_blocks) {
      step.short_of_blocks = true;
      step.coming_blocks = coming_blocks();
    }
    const int missing = seq.blocks.missing_for(tokens);
    if (step.coming_blocks >= missing) {
      step.coming_blocks -= missing;
      return false;
    }
    if (!preempt_worse_than(seq, step)) {
      return false;
    }
  }
  return true;
}

// The worst goes first: lowest priority, then youngest. The best can thus take
// the whole pool if it must, and finish.
bool Scheduler::preempt_worse_than(const Sequence& seq, Planning& step) {
  Sequence& victim = *running_.back();
  if (&victim == &seq) {
    return false;
  }
  running_.pop_back();
  end_promises(victim);
  victim.state = SequenceState::kLeaving;
  ++victim.preemptions;
  ++counters_.preemptions;
  if (victim.in_flight > 0) {
    step.coming_blocks += coming_blocks(victim);
  }
  settle(victim);
  return true;
}

int Scheduler::coming_blocks() const {
  int blocks = 0;
  for (const Sequence* seq : by_slot_) {
    if (seq != nullptr && seq->state != SequenceState::kRunning) {
      blocks += coming_blocks(*seq);
    }
  }
  return blocks;
}

int Scheduler::coming_blocks(const Sequence& seq) const {
  return static_cast<int>(std::ranges::count_if(
      seq.blocks.ids(),
      [this](BlockId block) { return pool_.holders(block) == 1; }));
}

// The first who finds no room ends the search: nobody overtakes for being
// small, so that everybody's turn comes. Who waits for a promised block is
// passed over; choices of one request may all wait for their first, but of
// others there are never more than could run at once, so that neither a step
// nor the end of a promise looks at the whole queue.
void Scheduler::admit_waiting(Planning& step) {
  while (step.budget > 0 && slots_.free_slots() > 0 && !queue_.empty() &&
         parked_strangers_ < limits_.max_sequences) {
    if (admit(queue_.front(), step) == Admission::kNoRoom) {
      return;
    }
  }
}

Scheduler::Admission Scheduler::admit(Sequence& seq, Planning& step) {
  const int available = pool_.available_blocks();
  if (seq.id == hindered_ && available <= hindered_at_blocks_) {
    return Admission::kNoRoom;
  }
  const std::vector<BlockId> stored = stored_prefix(seq);
  if (park_behind_promise(seq, static_cast<int>(stored.size()))) {
    return Admission::kParked;
  }
  BlockList blocks(pool_);
  for (const BlockId block : stored) {
    blocks.share(block);
  }
  if (!fits(seq, blocks) || !blocks.reserve(seq.length())) {
    hindered_ = seq.id;
    hindered_at_blocks_ = available;
    return Admission::kNoRoom;
  }
  seq.computed = static_cast<int>(stored.size()) * pool_.block_tokens();
  start(seq, std::move(blocks), step);
  return Admission::kAdmitted;
}

// Blocks that a sequence may take from the index: at least one position must
// be fed, and positions that are to be scored must be fed too.
int Scheduler::readable_blocks(const Sequence& seq) const {
  const int last = seq.length() - 1;
  const int end = seq.scores_prompt() ? std::min(seq.scored, last) : last;
  return end / pool_.block_tokens();
}

std::vector<BlockId> Scheduler::stored_prefix(Sequence& seq) {
  const int size = pool_.block_tokens();
  std::vector<BlockId> stored;
  std::vector<TokenId> scratch;
  for (int i = 0; i < readable_blocks(seq); ++i) {
    const PrefixKey key = seq.key(i, size);
    const BlockId block = pool_.index().find(
        key, seq.parent_key(i),
        seq.history.view(i * size, (i + 1) * size, scratch));
    if (block == kNoBlock) {
      break;
    }
    stored.push_back(block);
  }
  return stored;
}

void Scheduler::count_prefix(const Sequence& seq) {
  if (!shares_blocks()) {
    return;
  }
  if (seq.scores_prompt()) {
    counters_.prefix_misses_scored += uint64_t(seq.length());
    return;
  }
  const int readable = readable_blocks(seq) * pool_.block_tokens();
  counters_.prefix_queries += uint64_t(seq.length());
  counters_.prefix_hits += uint64_t(seq.computed);
  counters_.prefix_misses_absent += uint64_t(readable - seq.computed);
  counters_.prefix_misses_tail += uint64_t(seq.length() - readable);
}

// Waits for the last block of a promised stretch: the others come before it.
bool Scheduler::park_behind_promise(Sequence& seq, int stored_blocks) {
  const int readable = readable_blocks(seq);
  int i = stored_blocks;
  while (i < readable && promises_.promised(seq.key(i, pool_.block_tokens()))) {
    ++i;
  }
  if (i == stored_blocks) {
    return false;
  }
  queue_.erase(seq);
  seq.state = SequenceState::kParked;
  seq.awaited = seq.keys[size_t(i) - 1];
  const auto promiser = static_cast<uint64_t>(promises_.promiser(seq.awaited));
  seq.awaits_stranger = &sequences_.at(SeqId{promiser})->group != &seq.group;
  promises_.wait(seq.awaited, Promises::Party{static_cast<uint64_t>(seq.id)});
  ++parked_;
  parked_strangers_ += seq.awaits_stranger;
  return true;
}

// All blocks of the known tokens are taken at once, so that a prompt that was
// begun can be ended. Who has the pool for itself needs no watermark.
bool Scheduler::fits(const Sequence& seq, const BlockList& blocks) const {
  const int spare = running_.empty() ? 0 : watermark_blocks_;
  return blocks.missing_for(seq.length()) + spare <= pool_.available_blocks();
}

void Scheduler::start(Sequence& seq, BlockList blocks, Planning& step) {
  queue_.erase(seq);
  hindered_ = {};
  const int size = pool_.block_tokens();
  seq.state = SequenceState::kRunning;
  seq.blocks = std::move(blocks);
  seq.slot = Slot(slots_);
  seq.planned = seq.computed;
  seq.hashed_blocks = seq.computed / size;
  by_slot_[size_t(seq.slot.number())] = &seq;
  running_.insert(std::ranges::upper_bound(running_, &seq, before), &seq);
  count_prefix(seq);
  if (!seq.started_ms) {
    seq.started_ms = step.now_ms;
    seq.cached_tokens = seq.computed;
    counters_.prompt_tokens += uint64_t(seq.history.prompt_tokens());
    outbox_.put(
        seq.request().shard, {.id = seq.request().id, .choice = seq.choice});
  }
  seq.promised_blocks = shares_blocks() ? seq.length() / size : 0;
  for (int i = seq.hashed_blocks; i < seq.promised_blocks; ++i) {
    promises_.make(
        seq.key(i, size), Promises::Party{static_cast<uint64_t>(seq.id)});
  }
  step.plan.slots.push_back(open_slot(seq));
  add_row(seq, chunk_end(seq, step.budget), 0, step);
}

// The one function that cuts. A cut falls on a block's edge if it can, so that
// every chunk leaves blocks that others may use; and where scoring begins.
int Scheduler::chunk_end(const Sequence& seq, int budget) const {
  const int longest = std::min(budget, limits_.max_chunk_tokens);
  int end = std::min(seq.length(), seq.planned + longest);
  if (seq.scores_prompt() && seq.planned < seq.scored) {
    end = std::min(end, seq.scored);
  }
  const int edge = end - end % pool_.block_tokens();
  return end < seq.length() && edge > seq.planned ? edge : end;
}

void Scheduler::add_row(
    Sequence& seq, int end, int known_blocks, Planning& step) {
  const int prompt = seq.history.prompt_tokens();
  const int length = seq.length() + seq.pending_tokens;
  PARALLM_CHECK(
      seq.planned < end && end <= length && end <= seq.blocks.capacity_tokens(),
      "row [{}, {}) of {} tokens", seq.planned, end, length);
  StepRow& row = step.plan.rows.emplace_back();
  row.seq = seq.id;
  row.slot = seq.slot.number();
  row.begin = seq.planned;
  row.end = end;
  if (row.begin < seq.length()) { // else it is still on the device
    row.tokens = seq.history.copy(row.begin, end);
  }
  row.new_blocks.assign(
      seq.blocks.ids().begin() + known_blocks, seq.blocks.ids().end());
  row.heads.sample = end == length && seq.request().max_new_tokens > 0;
  if (seq.scores_prompt() && row.begin >= seq.scored &&
      row.begin < prompt - 1) {
    row.heads.prompt_logprobs = true;
    row.next_token = end < prompt ? seq.history.at(end) : kNoToken;
  }
  seq.planned = end;
  ++seq.in_flight;
  seq.pending_tokens += row.heads.sample;
  step.budget -= end - row.begin;
}

StepPlan Scheduler::seal(Planning step) {
  StepPlan& plan = step.plan;
  // Whatever the door let in can run: a wedge is our own mistake.
  PARALLM_CHECK(
      !plan.rows.empty() || !launched_.empty() || idle(),
      "{} running, {} waiting, {} blocks available, and nothing to do",
      running_.size(), waiting(), pool_.available_blocks());
  if (plan.rows.empty()) {
    return {};
  }
  plan.id = StepId{++last_step_};
  plan.slots.insert(
      plan.slots.begin(), std::make_move_iterator(closed_slots_.begin()),
      std::make_move_iterator(closed_slots_.end()));
  closed_slots_.clear();
  launched_.push_back({plan.id, static_cast<int>(plan.rows.size())});
  return std::move(plan);
}

} // namespace parallm
