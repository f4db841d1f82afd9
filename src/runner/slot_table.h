#pragma once

#include <memory>
#include <vector>

#include "engine/step.h"
#include "sampling/choice_sampler.h"

namespace parallm {

// What the runner knows about one scheduled sequence. Engine thread only.
struct SlotState {
  SlotState(const SlotChange& open, int vocab);

  SeqId seq;
  int prompt_tokens;
  ChoiceSampler sampler;
  std::vector<BlockId> blocks{}; // the block table
  TokenId newest = kNoToken;     // sampled last and known to the host
  int pending = -1; // its row among the ids of the step in flight: sampled,
                    // but still on the device only
};

// The scheduled sequences by their place. A slot is shared with the steps in
// flight that name it: they may outlive it, and what they bring then goes
// nowhere. Engine thread only.
class SlotTable {
 public:
  explicit SlotTable(int vocab) : vocab_(vocab) {}

  void apply(const std::vector<SlotChange>& changes);
  // CHECKs that the slot is open for this sequence.
  const std::shared_ptr<SlotState>& at(int slot, SeqId seq) const;

 private:
  int vocab_;
  std::vector<std::shared_ptr<SlotState>> slots_; // null: closed
};

} // namespace parallm
