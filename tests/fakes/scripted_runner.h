#pragma once

#include <algorithm>
#include <deque>
#include <functional>

#include "engine/model_runner.h"

namespace parallm {

// What a scripted model knows when it is asked for a token.
struct ScriptLine {
  const std::vector<TokenId>& prompt;
  int choice = 0;
  int position = 0; // 0 is the first token of the answer
};

// A model that says what it is told to and looks at no history: for tests of
// what stands above the engine, and for benchmarks of what stands around it.
class ScriptedRunner : public ModelRunner {
 public:
  using Script = std::function<TokenId(const ScriptLine&)>;

  // `before_collect`, if given, runs where a real model waits for its device.
  explicit ScriptedRunner(
      Script script, std::function<void()> before_collect = {})
      : script_(std::move(script)),
        before_collect_(std::move(before_collect)) {}

  void launch(const StepPlan& plan) override {
    for (const SlotChange& change : plan.slots) {
      if (size_t(change.slot) >= slots_.size()) {
        slots_.resize(size_t(change.slot) + 1);
      }
      slots_[size_t(change.slot)] = {
          .prompt =
              {change.history.begin(),
               change.history.begin() +
                   std::min<std::ptrdiff_t>(
                       change.prompt_tokens,
                       std::ptrdiff_t(change.history.size()))},
          .choice = change.choice,
          .logprobs = change.sampling.logprobs};
    }
    StepResult& step = steps_.emplace_back();
    step.id = plan.id;
    step.rows.resize(plan.rows.size());
  }

  void sample(const StepPlan& plan) override {
    StepResult& step = steps_.back();
    for (size_t i = 0; i < plan.rows.size(); ++i) {
      const StepRow& row = plan.rows[i];
      const SlotState& slot = slots_[size_t(row.slot)];
      RowResult& result = step.rows[i];
      if (row.heads.prompt_logprobs) {
        const int unscored = row.next_token == kNoToken ? 1 : 0;
        result.prompt_logprobs.assign(
            size_t(row.end - row.begin - unscored),
            {.logprob = -1.0f, .rank = 1});
      }
      if (row.heads.sample) {
        const int position = row.end - int(slot.prompt.size());
        result.accepted = {script_({slot.prompt, slot.choice, position})};
        if (slot.logprobs >= 0) {
          result.logprobs = {score(result.accepted[0], slot.logprobs)};
        }
      }
    }
  }

  StepResult collect() override {
    if (before_collect_) {
      before_collect_();
    }
    StepResult step = std::move(steps_.front());
    steps_.pop_front();
    return step;
  }

 private:
  struct SlotState {
    std::vector<TokenId> prompt{};
    int choice = 0;
    int logprobs = -1;
  };

  // The token itself is the likeliest, the next ids follow.
  static TokenLogprobs score(TokenId token, int alternatives) {
    TokenLogprobs score{.logprob = -0.5f, .rank = 1};
    for (int i = 0; i < alternatives; ++i) {
      score.top.push_back({token + i, -0.5f - float(i)});
    }
    return score;
  }

  Script script_;
  std::function<void()> before_collect_;
  std::vector<SlotState> slots_;
  std::deque<StepResult> steps_;
};

} // namespace parallm
