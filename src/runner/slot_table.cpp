#include "runner/slot_table.h"

#include "base/check.h"

namespace parallm {
namespace {

ChoiceRules rules_of(const SlotChange& open, int vocab) {
  return {open.sampling,       open.choice,        open.prompt_tokens,
          open.min_new_tokens, open.ending_tokens, vocab};
}

} // namespace

SlotState::SlotState(const SlotChange& open, int vocab)
    : seq(open.seq),
      prompt_tokens(open.prompt_tokens),
      sampler(rules_of(open, vocab), open.history) {
}

// A failed step may have taken a close with it, so opening is also replacing.
void SlotTable::apply(const std::vector<SlotChange>& changes) {
  for (const SlotChange& change : changes) {
    PARALLM_CHECK(change.slot >= 0, "slot {}", change.slot);
    const auto place = static_cast<size_t>(change.slot);
    if (place >= slots_.size()) {
      slots_.resize(place + 1);
    }
    slots_[place] = change.kind == SlotChange::Kind::kOpen
                        ? std::make_shared<SlotState>(change, vocab_)
                        : nullptr;
  }
}

const std::shared_ptr<SlotState>& SlotTable::at(int slot, SeqId seq) const {
  const auto place = static_cast<size_t>(slot);
  PARALLM_CHECK(
      slot >= 0 && place < slots_.size() && slots_[place] &&
          slots_[place]->seq == seq,
      "slot {} is not open for sequence {}", slot, static_cast<uint64_t>(seq));
  return slots_[place];
}

} // namespace parallm
