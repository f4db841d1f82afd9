// What must hold between two calls of the scheduler. Tests call it after
// every step.

#include <map>

#include "base/check.h"
#include "engine/scheduler.h"

namespace parallm {

void Scheduler::check_invariants() const {
  pool_.check_books();
  check_holders();
  int parked = 0;
  int strangers = 0;
  int running = 0;
  int queued = 0;
  int slots = 0;
  int in_flight = 0;
  for (const auto& [id, seq] : sequences_) {
    check_sequence(*seq);
    parked += seq->state == SequenceState::kParked;
    strangers += seq->state == SequenceState::kParked && seq->awaits_stranger;
    running += seq->state == SequenceState::kRunning;
    queued += seq->state == SequenceState::kQueued;
    slots += seq->slot.held();
    in_flight += seq->in_flight;
  }
  int launched = 0;
  for (const Launched& step : launched_) {
    launched += step.rows;
  }
  PARALLM_CHECK(
      parked == parked_ && strangers == parked_strangers_ &&
          queued == queue_.size() &&
          running == static_cast<int>(running_.size()),
      "{} parked, {} queued, {} running", parked, queued, running);
  PARALLM_CHECK(
      slots + slots_.free_slots() == slots_.total_slots(),
      "{} slots held, {} free", slots, slots_.free_slots());
  PARALLM_CHECK(
      in_flight == launched, "{} rows launched, {} counted", launched,
      in_flight);
  PARALLM_CHECK(
      running > 0 || promises_.size() == 0, "{} promises, nobody runs",
      promises_.size());
  PARALLM_CHECK(
      running > 0 || parked == 0, "{} are parked, nobody runs", parked);
}

// A block has as many holders as there are sequences that list it.
void Scheduler::check_holders() const {
  std::map<BlockId, int> holders;
  for (const auto& [id, seq] : sequences_) {
    for (const BlockId block : seq->blocks.ids()) {
      ++holders[block];
    }
  }
  for (const auto& [block, count] : holders) {
    PARALLM_CHECK(
        pool_.holders(block) == count, "block {} has {} holders, not {}", block,
        count, pool_.holders(block));
  }
  PARALLM_CHECK(
      static_cast<int>(holders.size()) == pool_.held_blocks(),
      "{} blocks are listed, {} held", holders.size(), pool_.held_blocks());
}

void Scheduler::check_sequence(const Sequence& seq) const {
  const uint64_t id = static_cast<uint64_t>(seq.id);
  const bool holds = seq.state == SequenceState::kRunning ||
                     seq.state == SequenceState::kLeaving ||
                     seq.state == SequenceState::kFinished;
  PARALLM_CHECK(
      holds == seq.slot.held() && holds == (seq.blocks.size() > 0),
      "sequence {} holds {} blocks", id, seq.blocks.size());
  // Rules seq.release and seq.preempt.
  PARALLM_CHECK(
      seq.state == SequenceState::kRunning || holds == (seq.in_flight > 0),
      "sequence {} is in {} steps", id, seq.in_flight);
  PARALLM_CHECK(
      seq.computed <= seq.planned &&
          seq.planned <= seq.blocks.capacity_tokens() &&
          seq.planned <= seq.length() + seq.pending_tokens,
      "sequence {}: {} computed, {} planned, {} held", id, seq.computed,
      seq.planned, seq.blocks.capacity_tokens());
  PARALLM_CHECK(
      0 <= seq.pending_tokens && seq.pending_tokens <= seq.in_flight &&
          seq.in_flight <= static_cast<int>(launched_.size()),
      "sequence {}: {} tokens from {} steps", id, seq.pending_tokens,
      seq.in_flight);
  PARALLM_CHECK(
      seq.state != SequenceState::kParked ||
          promises_.waits(
              seq.awaited, Promises::Party{static_cast<uint64_t>(seq.id)}),
      "sequence {} waits for nothing", id);
  if (holds) {
    check_held(seq);
  }
}

void Scheduler::check_held(const Sequence& seq) const {
  const uint64_t id = static_cast<uint64_t>(seq.id);
  PARALLM_CHECK(
      by_slot_.at(size_t(seq.slot.number())) == &seq,
      "slot {} is not sequence {}'s", seq.slot.number(), id);
  // Rule block.shared: what is still to be written is its alone.
  for (int i = seq.computed / pool_.block_tokens(); i < seq.blocks.size();
       ++i) {
    const BlockId block = seq.blocks.ids()[size_t(i)];
    PARALLM_CHECK(
        pool_.writable(block), "sequence {} may write block {}, of {} holders",
        id, block, pool_.holders(block));
  }
}

} // namespace parallm
