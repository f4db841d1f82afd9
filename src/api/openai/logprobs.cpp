#include "api/openai/logprobs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "api/json_writer.h"
#include "api/utf8.h"

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

// How many bytes of `text` at `at` this prompt token stands for. A BOS that
// the tokenizer added stands for none; a first blank may have been dropped.
size_t spelled(std::string_view text, size_t at, std::string_view bytes) {
  const auto rest = text.substr(at);
  if (rest.starts_with(bytes)) {
    return bytes.size();
  }
  const bool shorter = at == 0 && bytes.starts_with(' ');
  return shorter && rest.starts_with(bytes.substr(1)) ? bytes.size() - 1 : 0;
}

} // namespace

float shown_logprob(float logprob) {
  return std::isfinite(logprob) ? logprob : kMinusInfinity;
}

void CharacterCount::add(std::string_view bytes) {
  rest_ += bytes;
  size_t at = 0;
  while (at < rest_.size()) {
    const auto step = utf8_step(std::string_view(rest_).substr(at));
    const bool cut_off = !step.whole && at + step.bytes == rest_.size() &&
                         static_cast<uint8_t>(rest_[at]) >= 0xc2;
    if (cut_off) {
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
  size_t at = 0;
  for (size_t index = 0; index < prompt.ids.size(); ++index) {
    const auto id = prompt.ids[index];
    const auto bytes = tokenizer_.bytes(id);
    const bool scored = index > 0 && index - 1 < scores.size();
    entries.push_back(
        {id, bytes, scored ? &scores[index - 1] : nullptr,
         characters_.whole()});
    const auto size = spelled(prompt.text, at, bytes);
    characters_.add(std::string_view(prompt.text).substr(at, size));
    at += size;
  }
  // What no token spelled, as with tokenizers that normalise.
  characters_.add(std::string_view(prompt.text).substr(at));
  return entries;
}

std::vector<LogprobEntry> LogprobTrack::add(
    std::span<const TokenDetail> tokens, std::string_view text) {
  std::vector<LogprobEntry> entries;
  for (const auto& token : tokens) {
    if (token.logprobs) {
      entries.push_back(entry(token, text));
    }
  }
  return entries;
}

LogprobEntry LogprobTrack::entry(
    const TokenDetail& token, std::string_view text) {
  auto bytes = tokenizer_.bytes(token.id);
  const bool in_text = token.text_bytes > 0;
  if (in_text && at_start_) {
    at_start_ = false;
    // Sentencepiece drops the blank before the first word.
    const bool dropped = bytes.starts_with(' ') && !text.starts_with(' ');
    bytes.remove_prefix(dropped ? 1 : 0);
  }
  const auto offset = characters_.whole();
  characters_.add(in_text ? bytes : std::string_view{});
  return {token.id, bytes, &*token.logprobs, offset, in_text};
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
