#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cache/block_id.h"
#include "core/types.h"

// The step as a value: built afresh each time, no pointers into anybody's
// state, so that it can be logged, replayed and sent to another rank.
// Letters: T tokens and R rows of a step.
// Plain values and functions without state: any thread.
namespace parallm {

enum class SeqId : uint64_t {};
enum class StepId : uint64_t {};

// What a row asks for besides filling the cache.
struct Heads {
  bool sample = false;          // the last position yields a token
  bool prompt_logprobs = false; // every position scores its next token
};

// Positions [begin, end) of one sequence are fed in this step.
struct StepRow {
  SeqId seq{};
  int slot = 0; // the sequence's place in the runner's slot table
  int begin = 0;
  int end = 0;
  // The tokens at [begin, end); empty: the one token is the slot's newest,
  // sampled by the step before and still on the device.
  std::vector<TokenId> tokens{};
  int draft_tokens = 0; // how many of them, at the end, are guesses
  std::vector<BlockId> new_blocks{}; // appended to the slot's block table
  // Set with heads.prompt_logprobs: the token that follows `end - 1`, or
  // kNoToken at the end of the prompt.
  TokenId next_token = kNoToken;
  Heads heads{};
};

// A slot is opened when a sequence is scheduled, anew after a preemption, and
// closed when it stops running. Opening resets the slot's block table.
struct SlotChange {
  enum class Kind : uint8_t { kOpen, kClose };
  Kind kind = Kind::kOpen;
  int slot = 0;
  SeqId seq{};
  int choice = 0;
  int prompt_tokens = 0;
  // All that is known so far, prompt first; penalties and bad words look back
  // on it. Empty on close.
  std::vector<TokenId> history{};
  SamplingParams sampling{};
  int min_new_tokens = 0;
  std::vector<TokenId> ending_tokens{}; // masked before min_new_tokens
};

// Slot changes travel with rows: a plan without rows is not launched. When a
// step fails, some of its slot changes may have been applied; the scheduler
// opens a slot anew before it uses it again.
struct StepPlan {
  StepId id{};
  std::vector<SlotChange> slots{}; // applied first, in order
  std::vector<StepRow> rows{};
  bool empty() const { return rows.empty() && slots.empty(); }
};

struct RowResult {
  // 0, 1 or a few; in place, as every row of every step has one.
  boost::container::small_vector<TokenId, 2> accepted{};
  std::vector<TokenLogprobs> logprobs{};        // of accepted, if asked for
  std::vector<TokenLogprobs> prompt_logprobs{}; // of the tokens after
                                                // begin .. end-1
  std::string error{};        // this row alone failed, the step did not
  bool unsatisfiable = false; // with error: the masks left no token
};

struct StepResult {
  StepId id{};
  std::vector<RowResult> rows{}; // in plan order (rule step.result)
};

} // namespace parallm
