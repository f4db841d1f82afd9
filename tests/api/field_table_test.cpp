#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>
#include <set>

#include "api/openai/tables.h"

// Every field of every endpoint with every kind of value (api.md 16.2).
namespace parallm::openai {
namespace {

constexpr int kVocab = 1000;

Tables test_tables() {
  TableSettings settings;
  settings.vocab = kVocab;
  return make_tables(settings);
}

const Tables& tables() {
  static const Tables all = test_tables();
  return all;
}

enum class Endpoint : uint8_t { kChat, kCompletions, kTokenize, kDetokenize };

json::object least_body(Endpoint endpoint) {
  const json::array messages{{{"role", "user"}, {"content", "hi"}}};
  switch (endpoint) {
    case Endpoint::kChat:
      return {{"model", "m"}, {"messages", messages}};
    case Endpoint::kCompletions:
    case Endpoint::kTokenize:
      return {{"model", "m"}, {"prompt", "hi"}};
    case Endpoint::kDetokenize:
      break;
  }
  return {{"model", "m"}, {"tokens", {1, 2}}};
}

template <class T>
Check error_of(const Result<T, ApiError>& result) {
  return result ? Check{} : Check{result.error()};
}

Check read(Endpoint endpoint, const json::object& body) {
  switch (endpoint) {
    case Endpoint::kChat:
      return error_of(read_chat(body, tables(), {}));
    case Endpoint::kCompletions:
      return error_of(read_completion(body, tables(), {}));
    case Endpoint::kTokenize:
      return error_of(read_tokenize(body, tables()));
    case Endpoint::kDetokenize:
      break;
  }
  return error_of(read_detokenize(body, tables()));
}

// "" if the field may have the value, else code and param.
std::string outcome(
    Endpoint endpoint, std::string_view field, const std::string& value) {
  auto body = least_body(endpoint);
  body[field] = parse_json(value).value();
  const auto wrong = read(endpoint, body);
  return wrong ? wrong->code + " " + wrong->param : "";
}

std::string chat(std::string_view field, const std::string& value) {
  return outcome(Endpoint::kChat, field, value);
}

std::string completion(std::string_view field, const std::string& value) {
  return outcome(Endpoint::kCompletions, field, value);
}

std::string list_of(int count, const std::string& item) {
  std::string text = "[";
  for (int at = 0; at < count; ++at) {
    text += (at > 0 ? "," : "") + item;
  }
  return text + "]";
}

std::string text_of(int characters) {
  return "\"" + std::string(characters, 'x') + "\"";
}

struct Bound {
  std::string_view field;
  std::string low;
  std::string high;
  std::string below;
  std::string above;
};

const std::vector<Bound>& shared_bounds() {
  static const std::vector<Bound> bounds{
      {"temperature", "0", "2", "-0.001", "2.001"},
      {"top_p", "0", "1", "-0.1", "1.1"},
      {"min_p", "0", "1", "-0.1", "1.1"},
      {"top_k", "-1", "2147483647", "-2", "2147483648"},
      {"repetition_penalty", "0.01", "10", "0.009", "10.1"},
      {"presence_penalty", "-2", "2", "-2.1", "2.1"},
      {"frequency_penalty", "-2", "2", "-2.1", "2.1"},
      {"n", "1", "128", "0", "129"},
      {"seed", "-9223372036854775808", "9223372036854775807",
       "-9223372036854775809", "9223372036854775808"},
      {"max_completion_tokens", "1", "2147483647", "0", "2147483648"},
      {"stream_interval", "1", "256", "0", "257"},
      {"prompt_logprobs", "0", "20", "-1", "21"},
      {"priority", "-100", "100", "-101", "101"},
      {"timeout", "0.001", "86400", "0", "86400.5"},
      {"truncate_prompt_tokens", "-1", "2147483647", "-2", "2147483648"},
      {"min_tokens", "0", "16", "-1", "2147483648"},
  };
  return bounds;
}

void expect_bound(Endpoint endpoint, const Bound& bound) {
  const std::string refused = "invalid_value " + std::string(bound.field);
  EXPECT_EQ(outcome(endpoint, bound.field, bound.low), "") << bound.field;
  EXPECT_EQ(outcome(endpoint, bound.field, bound.high), "") << bound.field;
  EXPECT_EQ(outcome(endpoint, bound.field, bound.below), refused);
  EXPECT_EQ(outcome(endpoint, bound.field, bound.above), refused);
}

TEST(FieldTable, KeepsEveryBoundOfBothEndpoints) {
  for (const auto& bound : shared_bounds()) {
    expect_bound(Endpoint::kChat, bound);
    expect_bound(Endpoint::kCompletions, bound);
  }
  expect_bound(
      Endpoint::kChat, {"max_tokens", "1", "2147483647", "0", "2147483648"});
  expect_bound(
      Endpoint::kCompletions,
      {"max_tokens", "0", "2147483647", "-1", "2147483648"});
  expect_bound(Endpoint::kCompletions, {"logprobs", "0", "20", "-1", "21"});
  expect_bound(Endpoint::kCompletions, {"best_of", "1", "20", "0", "21"});
}

TEST(FieldTable, TakesWholeNumbersHoweverTheyAreWritten) {
  EXPECT_EQ(chat("n", "2.0"), "");
  EXPECT_EQ(chat("n", "2e0"), "");
  EXPECT_EQ(chat("n", "1.5"), "invalid_type n");
  EXPECT_EQ(chat("n", "\"2\""), "invalid_type n");
  EXPECT_EQ(chat("n", "true"), "invalid_type n");
  EXPECT_EQ(chat("temperature", "1e999"), "invalid_value temperature");
  EXPECT_EQ(chat("n", "1e999"), "invalid_value n");
  EXPECT_EQ(chat("seed", "1e30"), "invalid_value seed");
}

TEST(FieldTable, BoundsListsAndStrings) {
  for (const auto endpoint : {Endpoint::kChat, Endpoint::kCompletions}) {
    const auto at = [&](std::string_view field, const std::string& value) {
      return outcome(endpoint, field, value);
    };
    EXPECT_EQ(at("stop", "\"x\""), "");
    EXPECT_EQ(at("stop", list_of(32, "\"x\"")), "");
    EXPECT_EQ(at("stop", list_of(33, "\"x\"")), "invalid_value stop");
    EXPECT_EQ(at("stop", "[]"), "invalid_value stop");
    EXPECT_EQ(at("stop", "\"\""), "invalid_value stop");
    const auto text_of = [](size_t characters) {
      return '"' + std::string(characters, 'x') + '"';
    };
    EXPECT_EQ(at("stop", text_of(1024)), "");
    EXPECT_EQ(at("stop", text_of(1025)), "invalid_value stop");
    EXPECT_EQ(at("bad_words", '[' + text_of(1024) + ']'), "");
    EXPECT_EQ(
        at("bad_words", '[' + text_of(1025) + ']'),
        "invalid_value bad_words[0]");
    EXPECT_EQ(at("stop", "[\"x\",\"\"]"), "invalid_value stop[1]");
    EXPECT_EQ(at("stop", "[1]"), "invalid_type stop[0]");
    EXPECT_EQ(at("stop_token_ids", list_of(64, "999")), "");
    EXPECT_EQ(
        at("stop_token_ids", list_of(65, "1")), "invalid_value stop_token_ids");
    EXPECT_EQ(
        at("stop_token_ids", "[1000]"), "invalid_value stop_token_ids[0]");
    EXPECT_EQ(at("stop_token_ids", "[-1]"), "invalid_value stop_token_ids[0]");
    EXPECT_EQ(at("allowed_token_ids", list_of(65536, "1")), "");
    EXPECT_EQ(
        at("allowed_token_ids", list_of(65537, "1")),
        "invalid_value allowed_token_ids");
    EXPECT_EQ(at("allowed_token_ids", "[]"), "invalid_value allowed_token_ids");
    EXPECT_EQ(at("bad_words", list_of(256, "\"x\"")), "");
    EXPECT_EQ(
        at("bad_words", list_of(257, "\"x\"")), "invalid_value bad_words");
    EXPECT_EQ(at("bad_words", "[\"\"]"), "invalid_value bad_words[0]");
    EXPECT_EQ(at("cache_salt", text_of(1024)), "");
    EXPECT_EQ(at("cache_salt", text_of(1025)), "invalid_value cache_salt");
    EXPECT_EQ(at("safety_identifier", text_of(64)), "");
    EXPECT_EQ(
        at("safety_identifier", text_of(65)),
        "invalid_value safety_identifier");
    EXPECT_EQ(
        at("truncate_prompt_tokens", "0"),
        "invalid_value truncate_prompt_tokens");
  }
}

TEST(FieldTable, ChecksLogitBias) {
  EXPECT_EQ(chat("logit_bias", R"({"0":-100,"999":100})"), "");
  EXPECT_EQ(chat("logit_bias", R"({"1":101})"), "invalid_value logit_bias.1");
  EXPECT_EQ(
      chat("logit_bias", R"({"1000":1})"), "invalid_value logit_bias.1000");
  for (const auto* key :
       {"-1", "+1", "1.0", "x", "", " 1", "99999999999", "05", "00", "-0"}) {
    EXPECT_EQ(
        chat("logit_bias", std::string("{\"") + key + "\":1}"),
        std::string("invalid_value logit_bias.") + key);
  }
  EXPECT_EQ(chat("logit_bias", R"({"1":"x"})"), "invalid_type logit_bias.1");
  std::string many = "{";
  for (int id = 0; id < 1025; ++id) {
    many += (id > 0 ? ",\"" : "\"") + std::to_string(id) + "\":1";
  }
  EXPECT_EQ(chat("logit_bias", many + "}"), "invalid_value logit_bias");
}

TEST(FieldTable, ChecksMetadata) {
  EXPECT_EQ(chat("metadata", "{" + text_of(64) + ":" + text_of(512) + "}"), "");
  EXPECT_EQ(
      chat("metadata", "{" + text_of(65) + ":\"\"}").substr(0, 22),
      "invalid_value metadata");
  EXPECT_EQ(
      chat("metadata", "{\"k\":" + text_of(513) + "}"),
      "invalid_value metadata.k");
  EXPECT_EQ(chat("metadata", "{\"k\":1}"), "invalid_type metadata.k");
  std::string many = "{";
  for (int pair = 0; pair < 17; ++pair) {
    many += (pair > 0 ? ",\"" : "\"") + std::to_string(pair) + "\":\"\"";
  }
  EXPECT_EQ(chat("metadata", many + "}"), "invalid_value metadata");
}

TEST(FieldTable, RefusesWhatComesLaterAndTakesItsDefault) {
  const std::vector<std::array<std::string, 3>> later{
      {"tools", R"([{"type":"function","function":{"name":"f"}}])", "[]"},
      {"tool_choice", "\"auto\"", "\"none\""},
      {"parallel_tool_calls", "false", "true"},
      {"response_format", R"({"type":"json_object"})", R"({"type":"text"})"},
      {"structured_outputs", R"({"regex":"a"})", "null"},
      {"include_reasoning", "false", "true"},
      {"thinking_token_budget", "5", "null"},
      {"store", "true", "false"},
      {"modalities", R"(["text","audio"])", R"(["text"])"},
      {"audio", "{}", "null"},
      {"web_search_options", "{}", "null"},
      {"moderation", "{}", "null"},
      {"functions", "[]", "null"},
      {"function_call", "\"auto\"", "null"},
      {"speculation", "true", "false"},
      {"service_tier", "\"scale\"", "\"auto\""},
      {"use_beam_search", "true", "false"},
      {"guided_json", "{}", "null"},
      {"prompt_embeds", "\"\"", "null"},
      {"chat_template", "\"{{ 1 }}\"", "null"},
  };
  for (const auto& [field, value, harmless] : later) {
    EXPECT_EQ(chat(field, value), "unsupported_parameter " + field);
    EXPECT_EQ(chat(field, harmless), "") << field;
    EXPECT_EQ(chat(field, "null"), "") << field;
  }
}

TEST(FieldTable, CompletionsHaveNoChatFields) {
  for (const auto* field :
       {"messages", "tools", "tool_choice", "response_format", "top_logprobs",
        "chat_template_kwargs", "add_generation_prompt", "documents"}) {
    EXPECT_EQ(
        completion(field, "1"), std::string("unknown_parameter ") + field);
  }
  EXPECT_EQ(completion("suffix", "\"x\""), "unsupported_for_model suffix");
  EXPECT_EQ(completion("suffix", "null"), "");
}

TEST(FieldTable, RefusesUnknownFieldsWithTheirPath) {
  EXPECT_EQ(chat("no_such", "1"), "unknown_parameter no_such");
  EXPECT_EQ(chat("no_such", "null"), "unknown_parameter no_such");
  auto body = least_body(Endpoint::kChat);
  body["stream"] = true;
  body["stream_options"] = {{"include_usages", true}};
  EXPECT_EQ(
      read(Endpoint::kChat, body)->param, "stream_options.include_usages");
}

TEST(FieldTable, MakesUnknownFieldsInertWhenToldTo) {
  TableSettings settings;
  settings.unknown_fields = UnknownFields::kWarn;
  const auto tables = make_tables(settings);
  auto body = least_body(Endpoint::kChat);
  body["no_such"] = 1;
  body["user"] = "me";
  body["messages"].as_array()[0].as_object()["odd"] = 1;
  const auto request = read_chat(body, tables, {});
  ASSERT_TRUE(request);
  const auto& inert = request.value().inert;
  EXPECT_EQ(
      std::set<std::string>(inert.begin(), inert.end()),
      (std::set<std::string>{"no_such", "user", "messages[0].odd"}));
}

TEST(FieldTable, ListsInertFieldsThatWereGiven) {
  auto body = least_body(Endpoint::kChat);
  body["prediction"] = {{"type", "content"}, {"content", "x"}};
  body["prompt_cache_key"] = "k";
  body["prompt_cache_options"] = {{"mode", "implicit"}};
  body["reasoning_effort"] = "low";
  body["verbosity"] = "medium";
  const auto request = read_chat(body, tables(), {});
  ASSERT_TRUE(request);
  const auto& inert = request.value().inert;
  EXPECT_EQ(
      std::set<std::string>(inert.begin(), inert.end()),
      (std::set<std::string>{
          "prediction", "prompt_cache_key", "prompt_cache_options",
          "reasoning_effort"}));
  body["prompt_cache_options"] = {{"mode", "explicit"}};
  EXPECT_EQ(read(Endpoint::kChat, body)->param, "prompt_cache_options.mode");
}

TEST(FieldTable, TreatsNullAsAbsentAndRequiresWhatIsRequired) {
  for (const auto endpoint :
       {Endpoint::kChat, Endpoint::kCompletions, Endpoint::kTokenize,
        Endpoint::kDetokenize}) {
    for (const auto& member : least_body(endpoint)) {
      auto body = least_body(endpoint);
      body[member.key()] = nullptr;
      const auto wrong = read(endpoint, body);
      ASSERT_TRUE(wrong) << member.key();
      EXPECT_EQ(wrong->code, "missing_required_parameter");
      EXPECT_EQ(wrong->param, member.key());
      body.erase(member.key());
      EXPECT_EQ(read(endpoint, body)->code, "missing_required_parameter");
    }
  }
}

TEST(FieldTable, KnowsWhichFieldsClash) {
  const auto clash = [](Endpoint endpoint, json::object more) {
    auto body = least_body(endpoint);
    for (auto& member : more) {
      body[member.key()] = member.value();
    }
    const auto wrong = read(endpoint, body);
    return wrong ? wrong->code + " " + wrong->param : "";
  };
  const auto chat = Endpoint::kChat;
  const auto completions = Endpoint::kCompletions;
  EXPECT_EQ(
      clash(chat, {{"max_tokens", 1}, {"max_completion_tokens", 2}}),
      "conflicting_parameters max_tokens");
  EXPECT_EQ(clash(chat, {{"max_tokens", 2}, {"max_completion_tokens", 2}}), "");
  EXPECT_EQ(
      clash(chat, {{"top_logprobs", 1}}),
      "conflicting_parameters top_logprobs");
  EXPECT_EQ(clash(chat, {{"top_logprobs", 0}}), "");
  EXPECT_EQ(
      clash(chat, {{"stream_options", json::object{}}}),
      "conflicting_parameters stream_options");
  EXPECT_EQ(
      clash(chat, {{"min_tokens", 3}, {"max_tokens", 2}}),
      "invalid_value min_tokens");
  EXPECT_EQ(
      clash(
          chat,
          {{"add_generation_prompt", true}, {"continue_final_message", true}}),
      "conflicting_parameters continue_final_message");
  EXPECT_EQ(clash(chat, {{"continue_final_message", true}}), "");
  EXPECT_EQ(
      clash(chat, {{"service_tier", "flex"}, {"priority", 1}}),
      "conflicting_parameters priority");
  EXPECT_EQ(
      clash(completions, {{"n", 3}, {"best_of", 2}}), "invalid_value best_of");
  EXPECT_EQ(
      clash(completions, {{"best_of", 2}, {"stream", true}}),
      "conflicting_parameters best_of");
  EXPECT_EQ(
      clash(completions, {{"best_of", 2}, {"echo", true}}),
      "conflicting_parameters best_of");
  EXPECT_EQ(
      clash(completions, {{"min_tokens", 17}}), "invalid_value min_tokens");
}

TEST(FieldTable, ChecksFieldsThatCompletionsHaveNoUseFor) {
  EXPECT_EQ(
      completion("reasoning_effort", "\"zz\""),
      "invalid_value reasoning_effort");
  EXPECT_EQ(completion("verbosity", "\"zz\""), "invalid_value verbosity");
  const auto inert = [](std::string_view field, std::string_view word) {
    auto body = least_body(Endpoint::kCompletions);
    body[field] = json::string(word);
    return read_completion(body, tables(), {}).value().inert;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(inert("verbosity", "medium"), Names{});
  EXPECT_EQ(inert("verbosity", "low"), Names{"verbosity"});
  EXPECT_EQ(inert("reasoning_effort", "medium"), Names{"reasoning_effort"});
}

TEST(FieldTable, ChecksPredictions) {
  const auto predict = [](const std::string& content) {
    return completion(
        "prediction", R"({"type":"content","content":)" + content + "}");
  };
  EXPECT_EQ(predict("\"x\""), "");
  EXPECT_EQ(predict(R"([{"type":"text","text":"x"}])"), "");
  EXPECT_EQ(predict("[]"), "invalid_value prediction.content");
  EXPECT_EQ(predict("[1]"), "invalid_type prediction.content[0]");
  EXPECT_EQ(
      predict(R"([{"type":"image_url","text":"x"}])"),
      "invalid_value prediction.content[0].type");
  EXPECT_EQ(
      predict(R"([{"type":"text"}])"),
      "missing_required_parameter prediction.content[0].text");
}

TEST(FieldTable, TokenizesTextWithoutWhatBelongsToTemplates) {
  const auto tokenize = [](std::string_view field, const std::string& value) {
    return outcome(Endpoint::kTokenize, field, value);
  };
  const std::vector<std::array<std::string, 3>> fields{
      {"add_generation_prompt", "false", "true"},
      {"continue_final_message", "true", "false"},
      {"chat_template_kwargs", R"({"x":1})", "{}"},
  };
  for (const auto& [field, value, harmless] : fields) {
    EXPECT_EQ(tokenize(field, value), "conflicting_parameters " + field);
    EXPECT_EQ(tokenize(field, harmless), "") << field;
  }
}

TEST(FieldTable, SaysWhatItGot) {
  const auto message = [](std::string_view field, const std::string& value) {
    auto body = least_body(Endpoint::kChat);
    body[field] = parse_json(value).value();
    const auto refused = read(Endpoint::kChat, body);
    return refused ? refused->message : "nothing";
  };
  EXPECT_EQ(
      message("temperature", "1e999"),
      "'temperature': got a number above 1.7976931348623157e+308, expected a "
      "number of at least 0 and at most 2");
  EXPECT_EQ(
      message("temperature", "-1e999").substr(0, 39),
      "'temperature': got a number below -1.79");
  EXPECT_EQ(
      message("chat_template_kwargs", R"({"tools":5})").substr(0, 37),
      "'chat_template_kwargs.tools': got 5, ");
  EXPECT_EQ(
      message("chat_template_kwargs", R"({"enable_thinking":"false"})"),
      "'chat_template_kwargs.enable_thinking': got a string of 5 characters, "
      "expected true or false");
  EXPECT_EQ(
      message("chat_template_kwargs", "{\"x\":" + text_of(65536) + "}"),
      "'chat_template_kwargs': got 65544 bytes, expected at most 65536 bytes");
}

TEST(FieldTable, RepeatsOnlyTheBeginningOfWhatAClientNamed) {
  const std::string key(1 << 20, 'k');
  const auto wrongs = {
      invalid_type(key, 1, "x"),   invalid_value(key, key, "x"),
      missing_field(key),          unknown_field(key),
      unsupported_field(key, "x"), conflict_of_fields(key, "x")};
  for (const auto& wrong : wrongs) {
    EXPECT_LT(wrong.message.size(), 1000u) << wrong.code;
    EXPECT_LT(wrong.param.size(), 100u) << wrong.code;
  }
}

TEST(FieldTable, TakesAllFormsOfPrompts) {
  for (const auto* prompt :
       {"\"\"", "\"x\"", "[\"x\",\"\"]", "[1,2]", "[1.0]", "[[1],[]]",
        "[[]]"}) {
    EXPECT_EQ(completion("prompt", prompt), "") << prompt;
  }
  EXPECT_EQ(completion("prompt", "[]"), "invalid_value prompt");
  EXPECT_EQ(completion("prompt", "[1,\"x\"]"), "invalid_type prompt[1]");
  EXPECT_EQ(completion("prompt", "[\"x\",1]"), "invalid_type prompt[1]");
  EXPECT_EQ(completion("prompt", "[[1],\"x\"]"), "invalid_type prompt[1]");
  EXPECT_EQ(completion("prompt", "[[1],[1000]]"), "invalid_value prompt[1][0]");
  EXPECT_EQ(completion("prompt", "[1,1.5]"), "invalid_type prompt[1]");
  EXPECT_EQ(completion("prompt", "{}"), "invalid_type prompt");
  EXPECT_EQ(completion("prompt", list_of(2048, "\"\"")), "");
  EXPECT_EQ(
      completion("prompt", list_of(2049, "\"\"")), "invalid_value prompt");
}

TEST(FieldTable, GuardsTemplateVariables) {
  EXPECT_EQ(chat("chat_template_kwargs", R"({"x":{"y":[1]}})"), "");
  for (const auto* name : {"messages", "tools", "add_generation_prompt"}) {
    EXPECT_EQ(
        chat("chat_template_kwargs", "{\"" + std::string(name) + "\":1}"),
        "invalid_value chat_template_kwargs." + std::string(name));
  }
  EXPECT_EQ(
      chat("chat_template_kwargs", "{\"x\":" + text_of(65536) + "}"),
      "invalid_value chat_template_kwargs");
  EXPECT_EQ(
      chat("chat_template_kwargs", R"({"x":1e999})"),
      "invalid_value chat_template_kwargs");
  EXPECT_EQ(chat("documents", "[{}]"), "");
  EXPECT_EQ(chat("documents", "[1]"), "invalid_type documents[0]");
}

TEST(FieldTable, ThinkingIsSwitchedByABoolean) {
  for (const auto* right : {"true", "false", "null"}) {
    EXPECT_EQ(
        chat(
            "chat_template_kwargs",
            R"({"enable_thinking":)" + std::string(right) + "}"),
        "");
  }
  for (const auto* wrong : {"\"false\"", "0", "[]"}) {
    EXPECT_EQ(
        chat(
            "chat_template_kwargs",
            R"({"enable_thinking":)" + std::string(wrong) + "}"),
        "invalid_type chat_template_kwargs.enable_thinking");
  }
}

// Whatever a field is given, the answer is a request or a 4xx that names it.
void expect_named(
    Endpoint endpoint, const std::string& field, const std::string& value) {
  auto body = least_body(endpoint);
  body[field] = parse_json(value).value();
  const auto wrong = read(endpoint, body);
  if (!wrong) {
    return;
  }
  static const std::set<std::string> kCodes{
      "invalid_type",
      "invalid_value",
      "unsupported_parameter",
      "conflicting_parameters",
      "missing_required_parameter",
      "unknown_parameter",
      "unsupported_for_model"};
  EXPECT_TRUE(kCodes.contains(wrong->code)) << field << " " << wrong->code;
  EXPECT_EQ(wrong->status, 400);
  EXPECT_LT(wrong->message.size(), 1000u);
  const bool names =
      wrong->param.starts_with(field) || wrong->param == "best_of";
  EXPECT_TRUE(names) << field << " = " << value << ": " << wrong->param;
}

TEST(FieldTable, AnswersEveryValueWithARequestOrANamedRefusal) {
  const std::vector<std::string> values{
      "null",
      "true",
      "false",
      "0",
      "-1",
      "1",
      "1.5",
      "1e300",
      "-1e300",
      "1e999",
      "18446744073709551615",
      "\"\"",
      "\"x\"",
      text_of(100'000),
      "[]",
      "[1]",
      "[\"x\"]",
      "[[]]",
      "[null]",
      "{}",
      "{\"x\":1}",
      "{\"type\":\"x\"}",
      "[{\"role\":\"user\"}]",
      list_of(3000, "0"),
      "{" + text_of(100'000) + ":1}",
      "[{" + text_of(100'000) + ":1}]"};
  const auto table = parse_object(field_table_json());
  ASSERT_TRUE(table);
  const std::vector<std::pair<std::string, Endpoint>> endpoints{
      {"/v1/chat/completions", Endpoint::kChat},
      {"/v1/completions", Endpoint::kCompletions},
      {"/tokenize", Endpoint::kTokenize},
      {"/detokenize", Endpoint::kDetokenize}};
  for (const auto& [path, endpoint] : endpoints) {
    for (const auto& field : table.value().at(path).as_array()) {
      const std::string name(field.at("name").as_string());
      for (const auto& value : values) {
        expect_named(endpoint, name, value);
      }
    }
  }
}

// What the table says of a field of completions.
std::string dumped(const std::string& field, const char* key) {
  const auto table = parse_object(field_table_json());
  for (const auto& info : table.value().at("/v1/completions").as_array()) {
    if (info.at("name").as_string() == field) {
      return std::string(info.at(key).as_string());
    }
  }
  return "no such field";
}

TEST(FieldTable, DumpsNumbersAsPlainDecimals) {
  EXPECT_EQ(dumped("temperature", "default"), "1");
  EXPECT_EQ(dumped("min_p", "default"), "0");
}

TEST(FieldTable, DumpsWhatComesLaterAsRefused) {
  EXPECT_EQ(dumped("speculation", "outcome"), "refused");
}

TEST(FieldTable, DumpsItsDefaultsAsJson) {
  const auto table = parse_object(field_table_json());
  ASSERT_TRUE(table);
  for (const auto& endpoint : table.value()) {
    for (const auto& field : endpoint.value().as_array()) {
      EXPECT_TRUE(parse_json(field.at("default").as_string()))
          << field.at("name");
    }
  }
}

} // namespace
} // namespace parallm::openai
