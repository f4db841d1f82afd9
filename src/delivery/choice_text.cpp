#include "delivery/choice_text.h"

#include <algorithm>

namespace parallm {

namespace {

size_t detail_bytes(const TokenDetail& detail) {
  const size_t top = detail.logprobs ? detail.logprobs->top.size() : 0;
  return sizeof(TokenDetail) + top * sizeof(TokenLogprob);
}

} // namespace

ChoiceText::ChoiceText(const Tokenizer& tokenizer, const TextRules& rules)
    : rules_(rules),
      detokenizer_(
          tokenizer,
          rules.skip_special_tokens,
          rules.continues_prompt ? TextStart::kContinued : TextStart::kFresh) {
  if (!rules.stop_strings.empty()) {
    matcher_.emplace(rules.stop_strings, rules.include_stop_string);
  }
}

int ChoiceText::push(
    TokenId token, std::optional<TokenLogprobs> logprobs, std::string& shown) {
  ++sampled_;
  ++unsettled_;
  std::string text;
  detokenizer_.push(token, text);
  whole_ += text.size();
  note(token, detokenizer_.last_bytes(), std::move(logprobs));
  return show(text, shown);
}

void ChoiceText::push_silent(
    TokenId token, std::optional<TokenLogprobs> logprobs) {
  ++sampled_;
  ++unsettled_;
  note(token, 0, std::move(logprobs));
}

int ChoiceText::finish(std::string& shown) {
  std::string text;
  detokenizer_.finish(text);
  whole_ += text.size();
  const int stop = show(text, shown);
  if (stop < 0 && matcher_) {
    const size_t before = shown.size();
    matcher_->finish(shown);
    shown_ += shown.size() - before;
  }
  return stop;
}

size_t ChoiceText::settle(TextDelta& delta) {
  delta.sampled_tokens += std::exchange(unsettled_, 0);
  size_t bytes = 0;
  auto held = held_.begin();
  for (; held != held_.end() && held->end <= shown_; ++held) {
    bytes += detail_bytes(held->detail);
    delta.tokens.push_back(std::move(held->detail));
  }
  held_.erase(held_.begin(), held);
  return bytes;
}

void ChoiceText::settle_rest(TextDelta& delta) {
  delta.sampled_tokens += std::exchange(unsettled_, 0);
  for (Held& held : held_) {
    const size_t seen = shown_ - std::min(shown_, held.begin);
    held.detail.text_bytes =
        static_cast<int>(std::min<size_t>(held.detail.text_bytes, seen));
    delta.tokens.push_back(std::move(held.detail));
  }
  held_.clear();
}

int ChoiceText::show(std::string_view text, std::string& shown) {
  const size_t before = shown.size();
  int stop = -1;
  if (!matcher_) {
    shown += text;
  } else if (sampled_ >= rules_.min_tokens) {
    stop = matcher_->push(text, shown);
  } else {
    matcher_->pass(text, shown);
  }
  shown_ += shown.size() - before;
  return stop;
}

void ChoiceText::note(
    TokenId token, int bytes, std::optional<TokenLogprobs> logprobs) {
  if (!rules_.token_details) {
    return;
  }
  const size_t begin = given_;
  // Where U+FFFD replaced bytes the text is longer than the tokens were.
  given_ = std::max(given_ + static_cast<size_t>(bytes), whole_);
  held_.push_back({{token, bytes, std::move(logprobs)}, begin, given_});
}

} // namespace parallm
