#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "runner/prompt_scorer.h"
#include "runner/slot_table.h"
#include "sampling/sampled_step.h"

namespace parallm {

// One row of a launched step.
struct FlightRow {
  std::shared_ptr<SlotState> slot; // see SlotTable
  int end = 0;                     // positions fed so far, this step included
  int sampled = -1; // its row among the logits; -1: samples nothing
  std::vector<PromptTarget> targets{}; // to be scored
};

// A step that is launched and not collected. Engine thread only.
struct Flight {
  StepId id{};
  std::vector<FlightRow> rows{};
  std::optional<mx::array> hidden{}; // (T, E), until it is sampled
  std::optional<mx::array> logits{}; // (R, V) float32, if a row samples
  std::optional<SampledStep> sampled{};
  std::vector<mx::array> pools{}; // KvStore::newest() after it; none if no rows
  std::vector<std::vector<TokenLogprobs>> prompt_logprobs{}; // one a row,
                                                             // if any asks
  bool has_sampled = false; // sample() is done with it
};

} // namespace parallm
