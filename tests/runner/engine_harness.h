#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace parallm {

// All that one choice was told.
struct Answer {
  std::vector<TokenId> tokens{};
  std::vector<TokenLogprobs> logprobs{};
  std::vector<TokenLogprobs> prompt_logprobs{};
  FinishReason finish = FinishReason::kError;
  std::string error{};
};

using Answers = std::map<std::pair<uint64_t, int>, Answer>;

// The real engine over a real runner, on this thread, until all is answered.
class EngineHarness {
 public:
  EngineHarness(EngineOptions options, std::unique_ptr<ModelRunner> runner)
      : engine_(
            options,
            std::move(runner),
            [this](int, StepEvents events) { hear(std::move(events)); },
            status_) {}

  Answers run(std::vector<GenerateRequest> requests) {
    for (GenerateRequest& request : requests) {
      engine_.obey(std::move(request));
    }
    for (int step = 0; step < kMostSteps && !engine_.idle(); ++step) {
      engine_.step();
      note_preemption();
    }
    PARALLM_CHECK(engine_.idle(), "not done after {} steps", kMostSteps);
    engine_.scheduler().check_invariants();
    return std::exchange(answers_, {});
  }

  const EngineStatus& status() const { return status_; }

  // How many tokens each answer had when a sequence was first preempted.
  const std::vector<size_t>& tokens_at_preemption() const {
    return tokens_at_preemption_;
  }

 private:
  static constexpr int kMostSteps = 20000;

  void note_preemption() {
    if (status_.preemptions > 0 && tokens_at_preemption_.empty()) {
      for (const auto& [who, answer] : answers_) {
        tokens_at_preemption_.push_back(answer.tokens.size());
      }
    }
  }

  void hear(StepEvents events) {
    for (TokenEvent& event : events) {
      Answer& answer =
          answers_[{static_cast<uint64_t>(event.id), event.choice}];
      if (event.token != kNoToken) {
        answer.tokens.push_back(event.token);
      }
      if (event.finish) {
        answer.finish = *event.finish;
      }
      if (event.details) {
        hear(*event.details, answer);
      }
    }
  }

  static void hear(EventDetails& details, Answer& answer) {
    if (details.logprobs) {
      answer.logprobs.push_back(*details.logprobs);
    }
    answer.prompt_logprobs.insert(
        answer.prompt_logprobs.end(), details.prompt_logprobs.begin(),
        details.prompt_logprobs.end());
    answer.error += details.error;
  }

  EngineStatus status_;
  Answers answers_;
  std::vector<size_t> tokens_at_preemption_;
  Engine engine_;
};

} // namespace parallm
