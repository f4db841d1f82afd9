#include <fmt/format.h>

#include <array>
#include <charconv>

#include "api/openai/tables.h"
#include "api/utf8.h"

namespace parallm::openai {

namespace {

using Fields = GenerateFields;
using Table = FieldTable<GenerateFields>;

constexpr int kMaxInt = std::numeric_limits<int>::max();
constexpr size_t kMaxStops = 32;
// Of one stop string or bad word; each choice looks for all of them.
constexpr size_t kMaxWordCharacters = 1024;
constexpr size_t kMaxStopIds = 64;
constexpr size_t kMaxBiases = 1024;
constexpr size_t kMaxAllowedIds = 65536;
constexpr size_t kMaxBadWords = 256;

// JSON, as people write it: Boost.JSON would say 1E0.
std::string shortest(double number) {
  return fmt::format("{}", number);
}

Check read_stop(const Value& value, Fields& request) {
  if (value.json.is_string()) {
    auto text = read_string(value, {1, kMaxWordCharacters});
    if (!text) {
      return text.error();
    }
    request.stop = {std::move(text.value())};
    return {};
  }
  if (!value.json.is_array()) {
    return invalid_type(value.path, value.json, "a string or an array");
  }
  auto texts = read_strings(value, {1, kMaxStops}, {1, kMaxWordCharacters});
  if (!texts) {
    return texts.error();
  }
  request.stop = std::move(texts.value());
  return {};
}

Table stream_options_table() {
  Table table;
  table.boolean("include_usage", &Fields::include_usage, "false")
      .boolean("include_obfuscation", &Fields::include_obfuscation, "false")
      .boolean(
          "continuous_usage_stats", &Fields::continuous_usage_stats, "false");
  return table;
}

Table::Read stream_options_reader(UnknownFields unknown) {
  return [table = stream_options_table(), unknown](
             const Value& value, Fields& request) -> Check {
    auto options = read_object(value);
    if (!options) {
      return options.error();
    }
    request.has_stream_options = true;
    return table.read(*options.value(), unknown, request, value.path + ".");
  };
}

std::optional<int> parse_id(std::string_view text) {
  int id = 0;
  const auto* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, id);
  // One id has one spelling, so that no key can repeat another: not "05".
  const bool plain = parsed.ec == std::errc{} && parsed.ptr == end &&
                     text == std::to_string(id);
  return plain ? std::optional(id) : std::nullopt;
}

Check read_bias(
    const Value& value, std::string_view key, int vocab, Fields& request) {
  const auto id = parse_id(key);
  if (!id || *id < 0 || *id >= vocab) {
    return invalid_value(
        value.path, quoted(key),
        "token ids from 0 to " + std::to_string(vocab - 1) +
            " as keys, in plain decimal");
  }
  auto bias = read_number({value.json, shown_path(value.path)}, {-100, 100});
  if (!bias) {
    return bias.error();
  }
  request.logit_bias.push_back({*id, float(bias.value())});
  return {};
}

Table::Read logit_bias_reader(int vocab) {
  return [vocab](const Value& value, Fields& request) -> Check {
    auto biases = read_object(value, {0, kMaxBiases});
    if (!biases) {
      return biases.error();
    }
    for (const auto& member : *biases.value()) {
      const Value bias{
          member.value(), value.path + "." + std::string(member.key())};
      if (auto wrong = read_bias(bias, member.key(), vocab, request)) {
        return wrong;
      }
    }
    return {};
  };
}

Table::Read ids_reader(
    SizeRange items, int vocab, std::vector<TokenId> Fields::*member) {
  return [=](const Value& value, Fields& request) -> Check {
    auto ids = read_integers(value, items, 0, vocab - 1);
    if (!ids) {
      return ids.error();
    }
    (request.*member).assign(ids.value().begin(), ids.value().end());
    return {};
  };
}

Check read_bad_words(const Value& value, Fields& request) {
  auto words = read_strings(value, {0, kMaxBadWords}, {1, kMaxWordCharacters});
  if (!words) {
    return words.error();
  }
  request.bad_words = std::move(words.value());
  return {};
}

Check read_truncate(const Value& value, Fields& request) {
  auto tokens = read_integer(value, -1, kMaxInt);
  if (!tokens) {
    return tokens.error();
  }
  if (tokens.value() == 0) {
    return invalid_value(value.path, "0", "an integer of at least 1, or -1");
  }
  request.truncate_prompt_tokens = int(tokens.value());
  return {};
}

Check read_metadata_pair(const Value& value, std::string_view key) {
  if (key.size() > 64 && code_points(key) > 64) {
    return invalid_value(
        value.path, quoted(key), "keys of at most 64 characters");
  }
  auto text = read_string(value, {0, 512});
  return text ? Check{} : text.error();
}

Check read_metadata(const Value& value, Fields& request) {
  auto pairs = read_object(value, {0, 16});
  if (!pairs) {
    return pairs.error();
  }
  for (const auto& pair : *pairs.value()) {
    if (auto wrong = read_metadata_pair(value.field(pair.key()), pair.key())) {
      return wrong;
    }
  }
  request.metadata = *pairs.value();
  request.has_metadata = true;
  return {};
}

Check read_service_tier(const Value& value, Fields& request) {
  if (value.json == "scale") {
    return unsupported_field(value.path, "\"scale\" is not offered");
  }
  constexpr std::array<std::string_view, 5> kTiers{
      "auto", "default", "flex", "priority", "fast"};
  auto tier = read_word(value, kTiers);
  if (!tier) {
    return tier.error();
  }
  request.service_tier = ServiceTier(tier.value());
  return {};
}

Check read_logprobs_mode(const Value& value, Fields& request) {
  constexpr std::array<std::string_view, 2> kModes{"raw", "processed"};
  auto mode = read_word(value, kModes);
  if (!mode) {
    return mode.error();
  }
  request.logprobs_mode = LogprobsMode(mode.value());
  return {};
}

Check check_string(const Value& value) {
  auto text = view_string(value);
  return text ? Check{} : text.error();
}

Check check_identifier(const Value& value) {
  auto text = read_string(value, {0, 64});
  return text ? Check{} : text.error();
}

Check check_cache_mode(const Value& mode) {
  if (mode.json == "explicit") {
    return unsupported_field(
        mode.path, "caching is automatic; isolation is cache_salt");
  }
  constexpr std::array<std::string_view, 1> kModes{"implicit"};
  auto word = read_word(mode, kModes);
  return word ? Check{} : word.error();
}

// Fields of a field that is without effect as a whole.
struct Ignored : RequestNotes {};

Check check_cache_options(const Value& value) {
  auto options = read_object(value);
  if (!options) {
    return options.error();
  }
  FieldTable<Ignored> table;
  table.inert({"mode", "string"}, check_cache_mode)
      .inert({"ttl", "string"}, check_string);
  Ignored ignored;
  return table.read(
      *options.value(), UnknownFields::kRefuse, ignored, value.path + ".");
}

Check check_text_type(const Value& type) {
  constexpr std::array<std::string_view, 1> kTypes{"text"};
  auto word = read_word(type, kTypes);
  return word ? Check{} : word.error();
}

FieldTable<Ignored> prediction_part_table() {
  FieldTable<Ignored> table;
  table.inert({"type", "string"}, check_text_type)
      .inert({"text", "string"}, check_string)
      .inert(
          {"prompt_cache_breakpoint", "object"},
          [](const Value&) { return Check{}; })
      .required("type")
      .required("text");
  return table;
}

Check check_prediction_content(const Value& content) {
  if (content.json.is_string()) {
    return {};
  }
  auto parts = read_array(content, {.low = 1});
  if (!parts) {
    return parts.error();
  }
  const auto table = prediction_part_table();
  for (size_t index = 0; index < parts.value()->size(); ++index) {
    const auto part = content.item(index);
    auto object = read_object(part);
    if (!object) {
      return object.error();
    }
    Ignored ignored;
    if (auto wrong = table.read(
            *object.value(), UnknownFields::kRefuse, ignored,
            part.path + ".")) {
      return wrong;
    }
  }
  return {};
}

Check check_prediction_type(const Value& type) {
  constexpr std::array<std::string_view, 1> kTypes{"content"};
  auto word = read_word(type, kTypes);
  return word ? Check{} : word.error();
}

Check check_prediction(const Value& value) {
  auto object = read_object(value);
  if (!object) {
    return object.error();
  }
  FieldTable<Ignored> table;
  table.inert({"type", "string"}, check_prediction_type)
      .inert({"content", "string or array"}, check_prediction_content)
      .required("type")
      .required("content");
  Ignored ignored;
  return table.read(
      *object.value(), UnknownFields::kRefuse, ignored, value.path + ".");
}

void add_sampling(Table& table, const SamplingDefaults& defaults) {
  table
      .number(
          "temperature", {0, 2}, &Fields::temperature,
          shortest(defaults.temperature))
      .number("top_p", {0, 1}, &Fields::top_p, shortest(defaults.top_p))
      .number("min_p", {0, 1}, &Fields::min_p, shortest(defaults.min_p))
      .integer(
          "top_k", -1, kMaxInt, &Fields::top_k, std::to_string(defaults.top_k))
      .number(
          "repetition_penalty", {0.01, 10}, &Fields::repetition_penalty,
          shortest(defaults.repetition_penalty))
      .number("presence_penalty", {-2, 2}, &Fields::presence_penalty, "0")
      .number("frequency_penalty", {-2, 2}, &Fields::frequency_penalty, "0")
      .integer(
          "seed", std::numeric_limits<int64_t>::min(),
          std::numeric_limits<int64_t>::max(), &Fields::seed);
}

void add_masks(Table& table, int vocab) {
  table
      .add(
          {"logit_bias", "object", "at most 1024 token ids, each -100 to 100"},
          logit_bias_reader(vocab))
      .add(
          {"allowed_token_ids", "[integer]", "1 to 65536 token ids"},
          ids_reader({1, kMaxAllowedIds}, vocab, &Fields::allowed_token_ids))
      .add(
          {"bad_words", "[string]",
           "at most 256 strings of 1 to 1024 characters"},
          read_bad_words);
}

void add_ending(Table& table, int vocab) {
  table
      .add(
          {"stop", "string or [string]",
           "1 to 32 strings of 1 to 1024 characters"},
          read_stop)
      .add(
          {"stop_token_ids", "[integer]", "at most 64 token ids", "[]"},
          ids_reader({0, kMaxStopIds}, vocab, &Fields::stop_token_ids))
      .integer(
          "max_completion_tokens", 1, kMaxInt, &Fields::max_completion_tokens)
      .integer("max_tokens", 1, kMaxInt, &Fields::max_tokens)
      .integer("min_tokens", 0, kMaxInt, &Fields::min_tokens, "0")
      .boolean("ignore_eos", &Fields::ignore_eos, "false")
      .boolean("include_stop_str_in_output", &Fields::include_stop, "false")
      .number(
          "timeout", {.low = 0, .high = 86400, .above_low = true},
          &Fields::timeout_s);
}

void add_answer_form(Table& table, const TableSettings& settings) {
  table.integer("n", 1, 128, &Fields::n, "1")
      .boolean("stream", &Fields::stream, "false")
      .add(
          {"stream_options", "object", "needs stream"},
          stream_options_reader(settings.unknown_fields))
      .integer("stream_interval", 1, 256, &Fields::stream_interval, "1")
      .integer(
          "prompt_logprobs", 0, settings.max_logprobs, &Fields::prompt_logprobs)
      .add(
          {"logprobs_mode", "string", "raw, processed", "\"raw\""},
          read_logprobs_mode)
      .boolean("return_token_ids", &Fields::return_token_ids, "false")
      .boolean("return_timings", &Fields::return_timings, "false")
      .boolean("skip_special_tokens", &Fields::skip_special_tokens, "true");
}

void add_handling(Table& table) {
  table.text("model", {.low = 1}, &Fields::model)
      .required("model")
      .boolean("add_special_tokens", &Fields::add_special_tokens, "null")
      .add(
          {"truncate_prompt_tokens", "integer", "at least 1, or -1"},
          read_truncate)
      .integer("priority", -100, 100, &Fields::priority, "0")
      .text("cache_salt", {0, 1024}, &Fields::cache_salt, "\"\"")
      .add(
          {"service_tier", "string", "auto, default, flex, priority, fast",
           "\"auto\""},
          read_service_tier)
      .add(
          {"metadata", "object",
           "at most 16 pairs, keys 64, values 512 characters"},
          read_metadata)
      .refused("speculation", "this server does not speculate", {false});
}

// Without effect but for the log of requests.
void add_logged(
    Table& table,
    FieldInfo info,
    Check (*check)(const Value&),
    std::string Fields::*kept) {
  info.outcome = Outcome::kInert;
  table.add(
      std::move(info),
      [check, kept](const Value& value, Fields& request) -> Check {
        if (auto wrong = check(value)) {
          return wrong;
        }
        request.inert.push_back(value.path);
        request.*kept = std::string(std::string_view(value.json.as_string()));
        return {};
      });
}

void add_inert(Table& table) {
  add_logged(table, {"user", "string"}, check_string, &Fields::user);
  add_logged(
      table, {"safety_identifier", "string", "at most 64 characters"},
      check_identifier, &Fields::safety_identifier);
  table.inert({"prompt_cache_key", "string"}, check_string)
      .inert({"prompt_cache_retention", "string"}, check_string)
      .inert({"prompt_cache_options", "object"}, check_cache_options)
      .inert({"prediction", "object"}, check_prediction);
}

void add_refused(Table& table) {
  constexpr auto kLater = "this version does not offer it";
  table.refused("store", "stored completions are not offered", {false})
      .refused("modalities", "only text is offered", {json::array{"text"}})
      .refused("audio", "only text is offered")
      .refused("web_search_options", "web search is not offered")
      .refused("moderation", "moderation is not offered")
      .refused(
          "functions", "deprecated; its successor, tools, is not offered yet")
      .refused(
          "function_call",
          "deprecated; its successor, tool_choice, is not offered yet")
      .refused("structured_outputs", kLater)
      .refused("include_reasoning", kLater, {true})
      .refused("thinking_token_budget", kLater)
      .refused("parallel_tool_calls", kLater, {true});
}

// Names of vLLM and SGLang that clients may still send.
void add_foreign(Table& table) {
  constexpr auto kJson =
      "structured_outputs.json and response_format come with a later version";
  constexpr auto kGrammar = "use structured_outputs.grammar";
  table.refused("use_beam_search", "beam search is not offered", {false})
      .refused("length_penalty", "beam search is not offered")
      .refused("guided_json", kJson)
      .refused("guided_regex", "use structured_outputs.regex")
      .refused("guided_choice", "use structured_outputs.choice")
      .refused("guided_grammar", kGrammar)
      .refused("guided_decoding_backend", "there is one engine for all")
      .refused("guided_whitespace_pattern", "use structured_outputs.whitespace")
      .refused("prompt_embeds", "send text or token ids")
      .refused("regex", "use structured_outputs.regex")
      .refused("ebnf", kGrammar)
      .refused("json_schema", kJson);
}

} // namespace

FieldTable<GenerateFields> generate_fields(const TableSettings& settings) {
  Table table;
  add_handling(table);
  add_sampling(table, settings.defaults);
  add_masks(table, settings.vocab);
  add_ending(table, settings.vocab);
  add_answer_form(table, settings);
  add_inert(table);
  add_refused(table);
  add_foreign(table);
  return table;
}

} // namespace parallm::openai
