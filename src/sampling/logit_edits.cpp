#include "sampling/logit_edits.h"

namespace parallm {

LogitEdits::LogitEdits(const SamplingParams& params, int vocab)
    : repetition_(params.repetition_penalty),
      frequency_(params.frequency_penalty),
      presence_(params.presence_penalty),
      repeats_(repetition_ != 1.0f),
      counts_(frequency_ != 0.0f || presence_ != 0.0f),
      vocab_(vocab) {
  for (const LogitBias& bias : params.logit_bias) {
    if (Entry* entry = entry_of(bias.id)) {
      edit_of(*entry).bias += bias.bias;
    }
  }
}

LogitEdits::Entry* LogitEdits::entry_of(TokenId token) {
  if (token < 0 || token >= vocab_) {
    return nullptr;
  }
  const auto [at, added] = entries_.try_emplace(token, Entry{edits_.size()});
  if (added) {
    edits_.push_back({.id = token});
  }
  return &at->second;
}

LogitEdit& LogitEdits::edit_of(const Entry& entry) {
  list_.reset();
  return edits_[entry.place];
}

void LogitEdits::saw_prompt(TokenId token) {
  if (repeats_) {
    if (Entry* entry = entry_of(token)) {
      edit_of(*entry).repetition = repetition_;
    }
  }
}

void LogitEdits::saw_output(TokenId token) {
  saw_prompt(token);
  if (counts_) {
    if (Entry* entry = entry_of(token)) {
      ++entry->outputs;
      edit_of(*entry).penalty =
          static_cast<float>(entry->outputs) * frequency_ + presence_;
    }
  }
}

std::shared_ptr<const std::vector<LogitEdit>> LogitEdits::list() const {
  if (!list_ && !edits_.empty()) {
    list_ = std::make_shared<const std::vector<LogitEdit>>(edits_);
  }
  return list_;
}

} // namespace parallm
