#include "api/openai/logprobs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "api/json_writer.h"
#include "api/utf8.h"
#include "text/utf8_stream.h"

namespace parallm::openai {

namespace {

constexpr float kMinusInfinity = -9999.0f;

size_t shown_alternatives(const TokenLogprobs& scores, int alternatives) {
  return std::min(scores.top.size(), size_t(std::max(alternatives, 0)));
}

// ---- chat ----

void append_bytes(JsonWriter& json, std::string_view bytes) {
  json.key("bytes").array();
  for (const char byte : bytes) {
    json.integer(static_cast<uint8_t>(byte));
  }
  json.end_array();
}

void append_token(JsonWriter& json, std::string_view bytes, float logprob) {
  json.key("token").text(lossy_utf8(bytes));
  json.key("logprob").number(shown_logprob(logprob));
  append_bytes(json, bytes);
}

void append_chat_entry(
    JsonWriter& json,
    const LogprobEntry& entry,
    int alternatives,
    const Tokenizer& tokenizer) {
  const auto& scores = *entry.scores;
  json.object();
  append_token(json, entry.bytes, scores.logprob);
  json.key("top_logprobs").array();
  for (size_t at = 0; at < shown_alternatives(scores, alternatives); ++at) {
    json.object();
    append_token(
        json, tokenizer.bytes(scores.top[at].id), scores.top[at].logprob);
    json.end_object();
  }
  json.end_array().end_object();
}

// ---- completions ----

// Whole UTF-8 as it is; other bytes so that different tokens stay different.
std::string token_name(std::string_view bytes) {
  if (utf8_error(bytes) == std::string_view::npos) {
    return std::string(bytes);
  }
  std::string name = "bytes:";
  for (const char byte : bytes) {
    name += fmt::format("\\x{:02x}", static_cast<uint8_t>(byte));
  }
  return name;
}

void append_score(JsonWriter& json, const LogprobEntry& entry) {
  if (entry.scores == nullptr) {
    json.null();
  } else {
    json.number(shown_logprob(entry.scores->logprob));
  }
}

// The sampled token first: it is listed even outside the best. Of two tokens
// with one name the likelier stands.
void append_top(
    JsonWriter& json,
    const LogprobEntry& entry,
    int alternatives,
    const Tokenizer& tokenizer) {
  if (entry.scores == nullptr) {
    json.null();
    return;
  }
  const auto& scores = *entry.scores;
  std::set<std::string> names{token_name(entry.bytes)};
  json.object();
  json.key(*names.begin()).number(shown_logprob(scores.logprob));
  for (size_t at = 0; at < shown_alternatives(scores, alternatives); ++at) {
    const auto& top = scores.top[at];
    auto name = token_name(tokenizer.bytes(top.id));
    if (top.id != entry.id && names.insert(name).second) {
      json.key(name).number(shown_logprob(top.logprob));
    }
  }
  json.end_object();
}

// ---- prompt ----

void append_ranked(
    JsonWriter& json,
    TokenId id,
    float logprob,
    int rank,
    const Tokenizer& tokenizer) {
  json.key(std::to_string(id)).object();
  json.key("logprob").number(shown_logprob(logprob));
  json.key("rank").integer(rank);
  json.key("decoded_token").text(lossy_utf8(tokenizer.bytes(id)));
  json.end_object();
}

void append_prompt_entry(
    JsonWriter& json,
    TokenId id,
    const TokenLogprobs& scores,
    int alternatives,
    const Tokenizer& tokenizer) {
  json.object();
  append_ranked(json, id, scores.logprob, scores.rank, tokenizer);
  for (size_t at = 0; at < shown_alternatives(scores, alternatives); ++at) {
    const auto& top = scores.top[at];
    if (top.id != id) {
      append_ranked(json, top.id, top.logprob, int(at) + 1, tokenizer);
    }
  }
  json.end_object();
}

// Where the tokens of a prompt stand in its text, which is not always what
// they spell: a BOS that the tokenizer added is not in it, nor is the blank
// that sentencepiece puts in front, and what is no UTF-8 stands as U+FFFD.
class PromptPlaces {
 public:
  PromptPlaces(std::string_view text, const Tokenizer& tokenizer)
      : rest_(text), tokenizer_(tokenizer) {}

  // The characters before this token, which comes next.
  int64_t take(TokenId id) {
    const auto bytes = tokenizer_.bytes(id);
    const auto first = tokenizer_.bytes_at_start(id);
    place_ = characters_.whole();
    const bool found =
        at_start_ ? pass(first) || pass(bytes) : pass(bytes) || pass(first);
    at_start_ = at_start_ && (!found || bytes.empty());
    return place_;
  }

 private:
  // Goes past these bytes if the text has them here.
  bool pass(std::string_view bytes) {
    auto stream = stream_;
    std::string completed;
    stream.push(bytes, completed);
    if (!rest_.starts_with(completed)) {
      return false;
    }
    place_ = characters_.before(bytes);
    characters_.add(bytes);
    rest_.remove_prefix(completed.size());
    stream_ = std::move(stream);
    return true;
  }

  std::string_view rest_;
  const Tokenizer& tokenizer_;
  Utf8Stream stream_;
  CharacterCount characters_;
  int64_t place_ = 0;
  bool at_start_ = true;
};

} // namespace

float shown_logprob(float logprob) {
  return std::isfinite(logprob) ? logprob : kMinusInfinity;
}

int64_t CharacterCount::before(std::string_view next) const {
  if (rest_.empty() || next.empty()) {
    return whole_;
  }
  const auto step = utf8_step(rest_ + std::string(next.substr(0, 1)));
  return step.bytes > rest_.size() ? whole_ : closed();
}

void CharacterCount::add(std::string_view bytes) {
  rest_ += bytes;
  size_t at = 0;
  while (at < rest_.size()) {
    const auto step = utf8_step(std::string_view(rest_).substr(at));
    if (step.cut_off) {
      break;
    }
    ++whole_;
    at += step.bytes;
  }
  rest_.erase(0, at);
}

std::vector<LogprobEntry> LogprobTrack::prompt(
    const PromptSpec& prompt, std::span<const TokenLogprobs> scores) {
  std::vector<LogprobEntry> entries;
  PromptPlaces places(prompt.text, tokenizer_);
  for (size_t index = 0; index < prompt.ids.size(); ++index) {
    const auto id = prompt.ids[index];
    const bool scored = index > 0 && index - 1 < scores.size();
    entries.push_back(
        {id, tokenizer_.bytes(id), scored ? &scores[index - 1] : nullptr,
         places.take(id)});
  }
  // Also what no token spelled, as with tokenizers that normalise.
  characters_ = CharacterCount(int64_t(code_points(prompt.text)));
  return entries;
}

std::vector<LogprobEntry> LogprobTrack::add(
    std::span<const TokenDetail> tokens, std::string_view text) {
  if (!begins_blank_ && !text.empty()) {
    begins_blank_ = text.starts_with(' ');
  }
  std::vector<LogprobEntry> entries;
  for (const auto& token : tokens) {
    if (token.logprobs) {
      entries.push_back(entry(token));
    }
  }
  // A token without text stands where the text goes on.
  auto place = characters_.closed();
  for (auto line = entries.rbegin(); line != entries.rend(); ++line) {
    place = line->in_text ? line->text_offset : place;
    line->text_offset = place;
  }
  return entries;
}

LogprobEntry LogprobTrack::entry(const TokenDetail& token) {
  if (token.text_bytes == 0) {
    return {
        .id = token.id,
        .bytes = tokenizer_.bytes(token.id),
        .scores = &*token.logprobs,
        .in_text = false};
  }
  const auto bytes = bytes_in_text(token);
  const auto offset = characters_.before(bytes);
  // Without what a stop string cut off.
  characters_.add(bytes.substr(0, size_t(token.text_bytes)));
  return {token.id, bytes, &*token.logprobs, offset};
}

// Sentencepiece drops the blank before the first word; a stop string may have
// cut that token as well.
std::string_view LogprobTrack::bytes_in_text(const TokenDetail& token) {
  const auto bytes = tokenizer_.bytes(token.id);
  const auto given = size_t(token.text_bytes);
  if (!std::exchange(at_start_, false) || given >= bytes.size()) {
    return bytes;
  }
  const auto first = tokenizer_.bytes_at_start(token.id);
  const bool dropped = !begins_blank_.value_or(false) ||
                       (first.starts_with(' ') && given == first.size());
  return dropped ? first : bytes;
}

void append_chat_logprobs(
    std::string& out,
    std::span<const LogprobEntry> entries,
    int alternatives,
    const Tokenizer& tokenizer) {
  JsonWriter json(out);
  json.object().key("content").array();
  for (const auto& entry : entries) {
    if (entry.in_text) {
      append_chat_entry(json, entry, alternatives, tokenizer);
    }
  }
  json.end_array().key("refusal").null().end_object();
}

void append_completion_logprobs(
    std::string& out,
    std::span<const LogprobEntry> entries,
    int alternatives,
    const Tokenizer& tokenizer) {
  JsonWriter json(out);
  json.object().key("tokens").array();
  for (const auto& entry : entries) {
    json.text(token_name(entry.bytes));
  }
  json.end_array().key("token_logprobs").array();
  for (const auto& entry : entries) {
    append_score(json, entry);
  }
  json.end_array().key("top_logprobs").array();
  for (const auto& entry : entries) {
    append_top(json, entry, alternatives, tokenizer);
  }
  json.end_array().key("text_offset").array();
  for (const auto& entry : entries) {
    json.integer(entry.text_offset);
  }
  json.end_array().end_object();
}

void append_prompt_logprobs(
    std::string& out,
    std::span<const TokenId> ids,
    std::span<const TokenLogprobs> scores,
    int alternatives,
    const Tokenizer& tokenizer) {
  JsonWriter json(out);
  json.array();
  for (size_t index = 0; index < ids.size(); ++index) {
    if (index == 0 || index > scores.size()) {
      json.null();
      continue;
    }
    append_prompt_entry(
        json, ids[index], scores[index - 1], alternatives, tokenizer);
  }
  json.end_array();
}

} // namespace parallm::openai
