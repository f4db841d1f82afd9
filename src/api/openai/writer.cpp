#include "api/openai/writer.h"

#include <charconv>
#include <chrono>
#include <random>

#include "api/json_writer.h"
#include "api/openai/errors.h"
#include "base/hash.h"

namespace parallm::openai {

namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
constexpr size_t kIdCharacters = 24;
constexpr size_t kChunkUnit = 64; // obfuscated chunks are multiples of it

int64_t unix_now() {
  using namespace std::chrono;
  const auto now = system_clock::now().time_since_epoch();
  return duration_cast<seconds>(now).count();
}

std::mt19937_64& randomness() {
  thread_local std::mt19937_64 generator{
      std::random_device{}() ^ (uint64_t{std::random_device{}()} << 32)};
  return generator;
}

void append_integer(std::string& out, int64_t value) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value);
  out.append(digits, end.ptr);
}

void text_member(
    std::string& out, std::string_view name, std::string_view value) {
  out += ",\"";
  out += name;
  out += "\":";
  append_quoted(out, value);
}

std::string_view finish_reason(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kAbort:
      return "abort";
    case FinishReason::kLength:
    case FinishReason::kCancelled: // these three fail the request before
    case FinishReason::kError:
    case FinishReason::kUnsatisfiable:
      break;
  }
  return "length";
}

void finish_members(std::string& out, const Ending& ending) {
  text_member(out, "finish_reason", finish_reason(ending.reason));
  if (ending.timed_out) {
    text_member(out, "stop_reason", "timeout");
  } else if (!ending.stop_string.empty()) {
    text_member(out, "stop_reason", ending.stop_string);
  } else if (ending.stop_token != kNoToken) {
    out += ",\"stop_reason\":";
    append_integer(out, ending.stop_token);
  }
}

void usage_json(std::string& out, const Usage& usage) {
  JsonWriter json(out);
  json.object().key("prompt_tokens").integer(usage.prompt_tokens);
  json.key("completion_tokens").integer(usage.completion_tokens);
  json.key("total_tokens")
      .integer(usage.prompt_tokens + usage.completion_tokens);
  json.key("prompt_tokens_details").object();
  json.key("cached_tokens").integer(usage.cached_tokens).end_object();
  json.key("completion_tokens_details").object();
  json.key("reasoning_tokens").integer(0);
  json.key("accepted_prediction_tokens").integer(0);
  json.key("rejected_prediction_tokens").integer(0).end_object();
  json.end_object();
}

template <class Items, class Append>
void list_member(
    std::string& out, std::string_view name, const Items& items, Append add) {
  JsonWriter json(out);
  out += ",\"";
  out += name;
  out += "\":";
  json.array();
  for (const auto& item : items) {
    add(json, item);
  }
  json.end_array();
}

} // namespace

std::string random_id(std::string_view prefix) {
  std::string id(prefix);
  std::uniform_int_distribution<size_t> letter(0, kAlphabet.size() - 1);
  for (size_t count = 0; count < kIdCharacters; ++count) {
    id += kAlphabet[letter(randomness())];
  }
  return id;
}

std::string error_event(const ApiError& error) {
  return "data: " + error_json(error) + "\n\n";
}

Writer::Writer(const Dialect& dialect, const AppContext& app, Answer& answer)
    : dialect_(dialect),
      app_(app),
      spec_(answer.spec()),
      answer_(answer),
      id_(random_id(dialect.id_prefix())),
      created_(unix_now()),
      noise_(randomness()()) {
  chunk_head_ = "data: {";
  head_members(chunk_head_, dialect_.chunk_object());
  text_member(chunk_head_, "system_fingerprint", app_.card.system_fingerprint);
  text_member(chunk_head_, "service_tier", spec_.service_tier);
  chunk_head_ += ",\"choices\":[";
}

void Writer::head_members(std::string& out, std::string_view object) const {
  out += "\"id\":";
  append_quoted(out, id_);
  text_member(out, "object", object);
  out += ",\"created\":";
  append_integer(out, created_);
  text_member(out, "model", spec_.model);
}

// ---- streams ----

void Writer::chunks(std::string& out) {
  for (auto& choice : answer_.choices()) {
    if (!choice.closed) {
      choice_chunks(out, choice);
    }
  }
}

void Writer::choice_chunks(std::string& out, ChoiceState& choice) {
  const bool has_news = !choice.text.empty() || choice.sampled_tokens > 0 ||
                        choice.ending.has_value();
  if (!choice.begun) {
    if (!has_news || !answer_.scored(choice.prompt)) {
      return;
    }
    first_chunk(out, choice);
  }
  const bool due = choice.pending_tokens >= spec_.stream_interval ||
                   choice.ending.has_value();
  if (due && !choice.text.empty()) {
    piece_chunk(out, choice);
  }
  if (choice.ending) {
    last_chunk(out, choice);
  }
}

void Writer::open_chunk(std::string& out, int index) const {
  out += chunk_head_;
  out += "{\"index\":";
  append_integer(out, index);
  out += ',';
}

void Writer::close_chunk(std::string& out, size_t chunk_start) {
  if (spec_.continuous_usage) {
    usage_member(out);
  } else if (spec_.include_usage) {
    out += ",\"usage\":null";
  }
  if (spec_.obfuscate) {
    obfuscate(out, chunk_start);
  }
  out += "}\n\n";
}

void Writer::obfuscate(std::string& out, size_t chunk_start) {
  out += ",\"obfuscation\":\"";
  const auto size = out.size() - chunk_start + 4; // with `"}\n\n`
  for (auto left = kChunkUnit - size % kChunkUnit; left > 0; --left) {
    noise_ = mix64(noise_);
    out += kAlphabet[noise_ % kAlphabet.size()];
  }
  out += '"';
}

void Writer::first_chunk(std::string& out, ChoiceState& choice) {
  choice.begun = true;
  const bool in_choice = dialect_.prompt_in_choice();
  if (in_choice && !spec_.shows_prompt()) {
    return; // nothing to say before the text
  }
  const auto start = out.size();
  const bool echo_scores = spec_.echo && spec_.logprobs >= 0;
  open_chunk(out, choice.index);
  dialect_.first(out, spec_.prompts[choice.prompt].text);
  logprobs_member(
      out, echo_scores ? echo_entries(choice) : std::vector<LogprobEntry>{});
  out += ",\"finish_reason\":null";
  if (in_choice) {
    prompt_members(out, choice.prompt);
  }
  out += "}]";
  if (!in_choice && choice.index == 0) {
    prompt_members(out, choice.prompt);
  }
  close_chunk(out, start);
}

void Writer::piece_chunk(std::string& out, ChoiceState& choice) {
  const auto start = out.size();
  open_chunk(out, choice.index);
  dialect_.piece(out, choice.text);
  logprobs_member(out, new_entries(choice));
  out += ",\"finish_reason\":null";
  token_members(out, choice);
  out += "}]";
  close_chunk(out, start);
  choice.text.clear();
  choice.tokens.clear();
  choice.pending_tokens = 0;
}

void Writer::last_chunk(std::string& out, ChoiceState& choice) {
  const auto start = out.size();
  choice.closed = true;
  open_chunk(out, choice.index);
  dialect_.last(out);
  logprobs_member(out, new_entries(choice));
  finish_members(out, *choice.ending);
  token_members(out, choice);
  out += "}]";
  weight_version_member(out);
  timings_member(out, choice.ending->stats);
  close_chunk(out, start);
  choice.tokens.clear();
}

void Writer::finish(std::string& out) {
  if (spec_.include_usage) {
    out += chunk_head_;
    out += ']';
    usage_member(out);
    out += "}\n\n";
  }
  out += "data: [DONE]\n\n";
}

// ---- members ----

std::vector<LogprobEntry> Writer::echo_entries(ChoiceState& choice) const {
  return choice.track.prompt(
      spec_.prompts[choice.prompt], answer_.prompt(choice.prompt).scores);
}

std::vector<LogprobEntry> Writer::new_entries(ChoiceState& choice) const {
  // Also text without tokens: it may be what theirs begins with.
  return spec_.logprobs < 0 ? std::vector<LogprobEntry>{}
                            : choice.track.add(choice.tokens, choice.text);
}

void Writer::logprobs_member(
    std::string& out, std::span<const LogprobEntry> entries) const {
  out += ",\"logprobs\":";
  if (entries.empty()) {
    out += "null";
  } else {
    dialect_.logprobs(out, entries, spec_.logprobs, *app_.tokenizer);
  }
}

void Writer::token_members(std::string& out, ChoiceState& choice) const {
  if (!spec_.return_token_ids) {
    return;
  }
  const int from = choice.shown_tokens;
  const int to = from + int(choice.tokens.size());
  list_member(out, "token_ids", choice.tokens, [](auto& json, auto& token) {
    json.integer(token.id);
  });
  list_member(
      out, "token_logprobs", choice.tokens, [](auto& json, auto& token) {
        json.number(
            token.logprobs ? shown_logprob(token.logprobs->logprob) : 0.0f);
      });
  out += ",\"weight_versions\":";
  JsonWriter json(out);
  json.array().array().integer(from).integer(to);
  json.text(app_.card.weight_version).end_array().end_array();
  choice.shown_tokens = to;
}

void Writer::prompt_members(std::string& out, int prompt) const {
  const auto& ids = spec_.prompts[prompt].ids;
  if (spec_.return_token_ids) {
    list_member(out, "prompt_token_ids", ids, [](auto& json, auto id) {
      json.integer(id);
    });
  }
  if (spec_.prompt_logprobs >= 0) {
    out += ",\"prompt_logprobs\":";
    append_prompt_logprobs(
        out, ids, answer_.prompt(prompt).scores, spec_.prompt_logprobs,
        *app_.tokenizer);
  }
}

void Writer::usage_member(std::string& out) const {
  out += ",\"usage\":";
  usage_json(out, answer_.usage());
}

void Writer::timings_member(
    std::string& out, const SequenceStats& stats) const {
  if (!spec_.return_timings) {
    return;
  }
  const double ttft_ms = stats.queue_ms + stats.prefill_ms;
  out += ",\"timings\":";
  JsonWriter json(out);
  json.object().key("queue_ms").number(stats.queue_ms);
  json.key("prefill_ms").number(stats.prefill_ms);
  json.key("ttft_ms").number(ttft_ms);
  json.key("decode_ms").number(stats.decode_ms);
  json.key("total_ms").number(ttft_ms + stats.decode_ms);
  json.key("preemptions").integer(stats.preemptions);
  json.key("draft_tokens").integer(0);
  json.key("accepted_tokens").integer(0);
  json.end_object();
}

void Writer::weight_version_member(std::string& out) const {
  text_member(out, "weight_version", app_.card.weight_version);
}

// ---- whole answers ----

std::string Writer::whole() {
  std::string out = "{";
  head_members(out, dialect_.object());
  out += ",\"choices\":[";
  int index = 0;
  for (const auto* choice : answer_.best()) {
    out += index > 0 ? "," : "";
    whole_choice(out, answer_.choices()[choice->index], index++);
  }
  out += ']';
  whole_tail(out);
  out += '}';
  return out;
}

void Writer::whole_choice(std::string& out, ChoiceState& choice, int index) {
  const auto& prompt = spec_.prompts[choice.prompt];
  std::vector<LogprobEntry> entries;
  if (spec_.logprobs >= 0) {
    if (spec_.echo) {
      entries = echo_entries(choice);
    }
    const auto more = new_entries(choice);
    entries.insert(entries.end(), more.begin(), more.end());
  }
  out += "{\"index\":";
  append_integer(out, index);
  out += ',';
  dialect_.whole(out, spec_.echo ? prompt.text + choice.text : choice.text);
  out += ",\"logprobs\":";
  if (spec_.logprobs < 0) {
    out += "null";
  } else {
    dialect_.logprobs(out, entries, spec_.logprobs, *app_.tokenizer);
  }
  finish_members(out, *choice.ending);
  token_members(out, choice);
  if (dialect_.prompt_in_choice()) {
    prompt_members(out, choice.prompt);
  }
  out += '}';
}

void Writer::whole_tail(std::string& out) const {
  usage_member(out);
  text_member(out, "system_fingerprint", app_.card.system_fingerprint);
  text_member(out, "service_tier", spec_.service_tier);
  if (!spec_.metadata_json.empty()) {
    out += ",\"metadata\":" + spec_.metadata_json;
  }
  weight_version_member(out);
  if (!dialect_.prompt_in_choice()) {
    prompt_members(out, 0);
  }
  timings_member(out, whole_stats());
}

// Of several choices: the longest of each part.
SequenceStats Writer::whole_stats() const {
  SequenceStats all;
  for (const auto& choice : answer_.choices()) {
    const auto& stats = choice.ending->stats;
    all.queue_ms = std::max(all.queue_ms, stats.queue_ms);
    all.prefill_ms = std::max(all.prefill_ms, stats.prefill_ms);
    all.decode_ms = std::max(all.decode_ms, stats.decode_ms);
    all.preemptions += stats.preemptions;
  }
  return all;
}

} // namespace parallm::openai
