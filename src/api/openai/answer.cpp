#include "api/openai/answer.h"

#include <algorithm>
#include <iterator>

namespace parallm::openai {

namespace {

// Mean log-probability of a candidate's tokens; the likeliest is shown first.
double mean_logprob(const ChoiceState& choice) {
  double sum = 0;
  int count = 0;
  for (const auto& token : choice.tokens) {
    if (token.logprobs) {
      sum += shown_logprob(token.logprobs->logprob);
      ++count;
    }
  }
  return count > 0 ? sum / count : 0;
}

Failed failure_of(const ChoiceEnd& end) {
  if (end.overflow) {
    return Failed::kOverflow;
  }
  switch (end.reason) {
    case FinishReason::kError:
      return Failed::kEngine;
    case FinishReason::kUnsatisfiable:
      return Failed::kUnsatisfiable;
    case FinishReason::kCancelled:
      return Failed::kShutdown;
    case FinishReason::kStop:
    case FinishReason::kLength:
    case FinishReason::kAbort:
      break;
  }
  return Failed::kNo;
}

} // namespace

void ChoiceState::add(TextDelta& delta) {
  if (text.empty()) {
    text = std::move(delta.text);
  } else {
    text += delta.text;
  }
  std::move(
      delta.tokens.begin(), delta.tokens.end(), std::back_inserter(tokens));
  pending_tokens += delta.sampled_tokens;
  sampled_tokens += delta.sampled_tokens;
}

Answer::Answer(const AnswerSpec& spec, const Tokenizer& tokenizer)
    : spec_(spec), prompts_(spec.prompts.size()) {
  for (int prompt = 0; prompt < int(spec.prompts.size()); ++prompt) {
    for (int candidate = 0; candidate < spec.candidates; ++candidate) {
      choices_.push_back(
          {.prompt = prompt,
           .index = int(choices_.size()),
           .track = LogprobTrack(tokenizer)});
    }
  }
  open_ = int(choices_.size());
}

void Answer::add(std::vector<TextDelta>& deltas) {
  for (auto& delta : deltas) {
    add(delta);
  }
}

void Answer::add(TextDelta& delta) {
  auto& choice = choices_[delta.request * spec_.candidates + delta.choice];
  add_scores(delta);
  has_tokens_ = has_tokens_ || delta.sampled_tokens > 0;
  choice.add(delta);
  if (delta.end && !choice.ending) {
    end(choice, *delta.end);
  }
}

// The choices of a prompt share its scores; whoever brings them first brings
// them all.
void Answer::add_scores(TextDelta& delta) {
  auto& prompt = prompts_[delta.request];
  if (delta.prompt_logprobs.empty()) {
    return;
  }
  if (prompt.source < 0) {
    prompt.source = delta.choice;
  }
  if (prompt.source == delta.choice) {
    std::move(
        delta.prompt_logprobs.begin(), delta.prompt_logprobs.end(),
        std::back_inserter(prompt.scores));
  }
}

void Answer::end(ChoiceState& choice, ChoiceEnd& end) {
  const bool late = expired_ && end.reason == FinishReason::kCancelled;
  failed_ = std::max(failed_, late ? Failed::kNo : failure_of(end));
  choice.ending = Ending{
      .reason = late ? FinishReason::kLength : end.reason,
      .stop_string = std::move(end.stop_string),
      .stop_token = end.stop_token,
      .timed_out = late,
      .stats = end.stats};
  --open_;
}

void Answer::give_up() {
  for (auto& choice : choices_) {
    if (!choice.ending) {
      choice.ending =
          Ending{.reason = FinishReason::kLength, .timed_out = true};
      --open_;
    }
  }
}

bool Answer::scored(int prompt) const {
  if (!spec_.scores_prompt()) {
    return true;
  }
  const auto have = prompts_[prompt].scores.size() + 1;
  const auto first = choices_.begin() + prompt * spec_.candidates;
  return have >= size_t(spec_.prompts[prompt].tokens) ||
         std::all_of(first, first + spec_.candidates, [](const auto& choice) {
           return choice.ending.has_value();
         });
}

Usage Answer::usage() const {
  Usage usage;
  for (const auto& prompt : spec_.prompts) {
    usage.prompt_tokens += prompt.tokens;
  }
  for (const auto& choice : choices_) {
    usage.completion_tokens += choice.sampled_tokens;
    // The choices of a prompt share one prefill, that of the first.
    const bool first = choice.index % spec_.candidates == 0;
    if (first && choice.ending) {
      usage.cached_tokens += choice.ending->stats.cached_tokens;
    }
  }
  return usage;
}

size_t Answer::gathered_bytes() const {
  constexpr size_t kTokenBytes = 100;
  size_t bytes = 0;
  for (const auto& choice : choices_) {
    bytes += choice.text.size();
    for (const auto& token : choice.tokens) {
      const size_t top = token.logprobs ? token.logprobs->top.size() : 0;
      bytes += kTokenBytes * (1 + top);
    }
  }
  for (const auto& prompt : prompts_) {
    bytes += kTokenBytes * prompt.scores.size();
  }
  return bytes;
}

std::vector<const ChoiceState*> Answer::best() const {
  std::vector<const ChoiceState*> shown;
  for (size_t prompt = 0; prompt < prompts_.size(); ++prompt) {
    std::vector<const ChoiceState*> candidates;
    for (int at = 0; at < spec_.candidates; ++at) {
      candidates.push_back(&choices_[prompt * spec_.candidates + at]);
    }
    if (spec_.candidates > spec_.n) {
      std::stable_sort(
          candidates.begin(), candidates.end(), [](auto* left, auto* right) {
            return mean_logprob(*left) > mean_logprob(*right);
          });
    }
    shown.insert(shown.end(), candidates.begin(), candidates.begin() + spec_.n);
  }
  return shown;
}

} // namespace parallm::openai
