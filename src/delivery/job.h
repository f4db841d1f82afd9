#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <vector>

#include "core/generator.h"
#include "delivery/admission.h"
#include "delivery/choice_text.h"

// What a shard knows about one answer being written. Its shard only.
// Shard thread only.
namespace parallm {

struct Choice {
  enum class Phase : uint8_t {
    kOpen,
    kEnding, // the text side has ended it; the engine has not yet
    kEnded,
  };

  int request = 0; // index in the job
  int index = 0;   // of that request
  ChoiceText text;
  Phase phase = Phase::kOpen;
  ChoiceEnd end{}; // once kEnding
  // Its newest delta: place in Job::ready, step list, number of take()s then.
  size_t delta = 0;
  uint64_t delta_list = 0;
  uint64_t delta_take = 0;
  double last_token_s = 0; // steady clock; 0: none yet
};

struct Prompt {
  RequestId id{};
  std::vector<TokenId> silent_tokens{}; // end tokens that are no text
  std::vector<TokenId> stop_tokens{};
  std::vector<Choice> choices{};
  int unfinished = 0; // choices that the engine has not finished

  bool open() const {
    return std::any_of(choices.begin(), choices.end(), [](const Choice& c) {
      return c.phase == Choice::Phase::kOpen;
    });
  }
};

// Shared by its Reply and by the table of its shard: the one needs it until
// all is read, the other until the engine has finished.
struct Job {
  TextRules rules{};
  QueuePlace queued{};
  ActiveJob active{};
  std::vector<Prompt> prompts{};
  bool watched = true; // the Reply lives
  bool started = false;
  int choices = 0;
  int unfinished = 0; // choices that the engine has not finished
  int untold = 0;     // choices whose end has not been taken
  double start_s = 0;
  uint64_t touched_list = 0;

  std::vector<TextDelta> ready{};
  std::vector<TextDelta> spare{}; // empty, for its memory
  int ready_ends = 0;
  size_t buffered_bytes = 0; // of `ready`
  uint64_t takes = 1;
  std::function<void()> wake{};

  // Its place among the active jobs is free once nobody owes anything.
  void release_if_done() {
    if (unfinished == 0 && (untold == 0 || !watched)) {
      active.reset();
    }
  }
};

} // namespace parallm
