#pragma once

#include "cache/block_list.h"
#include "cache/slot_pool.h"
#include "engine/group.h"
#include "engine/step.h"
#include "engine/token_history.h"

// Engine thread only.
namespace parallm {

enum class SequenceState : uint8_t {
  kQueued,   // waits for a slot and blocks
  kParked,   // waits for a block that another sequence has promised
  kRunning,  // holds a slot and blocks
  kLeaving,  // preempted, but a launched step still names it
  kFinished, // its finish is out, but a launched step still names it
};

// One choice being generated: one record, owned by the scheduler, from
// submission until release.
struct Sequence {
  Sequence(SeqId id, Group& group, int choice, BlockPool& pool)
      : id(id),
        group(group),
        choice(choice),
        history(group.request.prompt),
        blocks(pool) {}

  const SeqId id;
  Group& group;
  const int choice;
  int max_length = 0; // tokens, prompt included

  SequenceState state = SequenceState::kQueued;
  TokenHistory history;

  int computed = 0;       // leading positions stored by committed steps
  int planned = 0;        // and by all launched steps; computed <= planned
  int in_flight = 0;      // launched, uncommitted steps that name it
  int pending_tokens = 0; // which they will sample: 0 .. 2
  int scored = 0;         // prompt tokens whose logprobs went out

  Slot slot{};
  BlockList blocks;
  int hashed_blocks = 0;         // leading blocks that went to the index
  int promised_blocks = 0;       // leading blocks that others may wait for
  std::vector<PrefixKey> keys{}; // of its leading blocks
  PrefixKey awaited = 0;         // while parked
  bool awaits_stranger = false;  // while parked: not a choice of its own group

  double submitted_ms = 0;
  std::optional<double> started_ms{}; // left the queue for the first time
  std::optional<double> first_token_ms{};
  int cached_tokens = 0; // of the prompt, when it first left the queue
  int preemptions = 0;

  const GenerateRequest& request() const { return group.request; }
  int length() const { return history.length(); }

  // The key of a block of known tokens.
  PrefixKey key(int block, int block_tokens);
  PrefixKey parent_key(int block) const;

  // Does the prompt still have positions whose logprobs are to be told?
  bool scores_prompt() const;
  // The one position not yet fed is the newest token, known or on its way.
  bool decodes() const { return planned == length() + pending_tokens - 1; }
  // The token on its way will be the last, whatever it is.
  bool ends_with_pending() const {
    return pending_tokens > 0 && length() + pending_tokens >= max_length;
  }

  // What the newest token means. Counts it, so call it after push_back.
  std::optional<FinishReason> finish_after(TokenId newest) const;
  SequenceStats stats(double now_ms) const;
};

// Least wins: first a lower priority number, then an earlier arrival.
bool runs_before(const Sequence& a, const Sequence& b);

} // namespace parallm
