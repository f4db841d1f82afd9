#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

#include "api/openai/messages.h"

namespace parallm::openai {
namespace {

Result<json::array, ApiError> read(const std::string& text) {
  static const auto reader = messages_reader(UnknownFields::kRefuse);
  const auto value = parse_json(text).value();
  ChatPrompt prompt;
  if (auto wrong = reader({value, "messages"}, prompt)) {
    return *wrong;
  }
  return std::move(prompt.messages);
}

std::string refusal(const std::string& text) {
  const auto messages = read(text);
  return messages ? "" : messages.error().code + " " + messages.error().param;
}

std::string form(const std::string& text) {
  return json::serialize(read(text).value());
}

std::vector<std::string> inert(const std::string& text) {
  ChatPrompt prompt;
  const auto value = parse_json(text).value();
  const auto wrong =
      messages_reader(UnknownFields::kWarn)({value, "messages"}, prompt);
  EXPECT_FALSE(wrong);
  return prompt.inert;
}

TEST(Messages, JoinsTextParts) {
  EXPECT_EQ(
      form(
          R"([{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}])"),
      R"([{"role":"user","content":"ab"}])");
}

TEST(Messages, TakesWhatTheServerItselfAnswered) {
  EXPECT_EQ(
      form(
          R"([{"role":"assistant","content":"hi","refusal":null,"annotations":[],"audio":null,"function_call":null,"tool_calls":null,"reasoning_content":"so"}])"),
      R"([{"role":"assistant","content":"hi","reasoning_content":"so"}])");
}

TEST(Messages, GivesArgumentsThatParseAsObjects) {
  const auto with_arguments = [](const std::string& arguments) {
    return R"([{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":)" +
           arguments + "}}]}]";
  };
  const auto arguments = [&](const std::string& text) {
    const auto messages = read(with_arguments(text)).value();
    return json::serialize(
        messages[0].at("tool_calls").at(0).at("function").at("arguments"));
  };
  EXPECT_EQ(arguments(R"("{\"a\":1}")"), R"({"a":1})");
  EXPECT_EQ(arguments(R"("{\"a\":")"), R"("{\"a\":")");
  EXPECT_EQ(arguments(R"("[1]")"), R"("[1]")");
  EXPECT_EQ(
      refusal(with_arguments("{}")),
      "invalid_type messages[0].tool_calls[0].function.arguments");
}

TEST(Messages, ToolAnswersNeedTheirCall) {
  const std::string call =
      R"({"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]})";
  const std::string answer =
      R"({"role":"tool","tool_call_id":"c1","content":"4"})";
  EXPECT_EQ(refusal("[" + call + "," + answer + "]"), "");
  EXPECT_EQ(
      refusal("[" + answer + "," + call + "]"),
      "invalid_value messages[0].tool_call_id");
  EXPECT_EQ(
      refusal(R"([{"role":"tool","content":"4"}])"),
      "missing_required_parameter messages[0].tool_call_id");
}

TEST(Messages, RefusesWithThePathOfTheFault) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"[]", "invalid_value messages"},
      {"{}", "invalid_type messages"},
      {"[1]", "invalid_type messages[0]"},
      {R"([{"content":"x"}])", "missing_required_parameter messages[0].role"},
      {R"([{"role":"user"}])",
       "missing_required_parameter messages[0].content"},
      {R"([{"role":"user","content":null}])",
       "missing_required_parameter messages[0].content"},
      {R"([{"role":"assistant","content":null}])",
       "missing_required_parameter messages[0].content"},
      {R"([{"role":"user","content":1}])", "invalid_type messages[0].content"},
      {R"([{"role":"user","content":[]}])",
       "invalid_value messages[0].content"},
      {R"([{"role":"robot","content":"x"}])", "invalid_value messages[0].role"},
      {R"([{"role":"function","content":"x"}])",
       "unsupported_parameter messages[0].role"},
      {R"([{"role":"user","content":"x","tool_call_id":"c"}])",
       "unknown_parameter messages[0].tool_call_id"},
      {R"([{"role":"user","content":"x","odd":1}])",
       "unknown_parameter messages[0].odd"},
      {R"([{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:"}}]}])",
       "unsupported_for_model messages[0].content[0].type"},
      {R"([{"role":"user","content":[{"image_url":{"url":"x"},"type":"image_url"}]}])",
       "unsupported_for_model messages[0].content[0].type"},
      {R"([{"role":"user","content":[{"type":"odd"}]}])",
       "invalid_value messages[0].content[0].type"},
      {R"([{"role":"user","content":[{"type":"text"}]}])",
       "missing_required_parameter messages[0].content[0].text"},
      {R"([{"role":"user","content":[{"type":"refusal","refusal":"x"}]}])",
       "invalid_value messages[0].content[0].type"},
      {R"([{"role":"assistant","content":"x","audio":{"id":"a"}}])",
       "unsupported_parameter messages[0].audio"},
      {R"([{"role":"assistant","tool_calls":[{"id":"c","type":"custom"}]}])",
       "unsupported_parameter messages[0].tool_calls[0].type"},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(refusal(text), expected) << text;
  }
}

TEST(Messages, NamesWhatHasNoEffectInsideACall) {
  EXPECT_EQ(
      inert(
          R"([{"role":"assistant","tool_calls":[{"index":0,"id":"c","type":"function","odd":1,"function":{"name":"f","arguments":"{}","even":2}}]}])"),
      (std::vector<std::string>{
          "messages[0].tool_calls[0].index", "messages[0].tool_calls[0].odd",
          "messages[0].tool_calls[0].function.even"}));
}

TEST(Messages, DropsNoAnswerInSilence) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {R"([{"role":"user","content":"x","refusal":"no"}])",
       "invalid_value messages[0].refusal"},
      {R"([{"role":"user","content":"x","reasoning":"so"}])",
       "invalid_value messages[0].reasoning"},
      {R"([{"role":"assistant","content":"x","refusal":"no"}])",
       "conflicting_parameters messages[0].refusal"},
      {R"([{"role":"assistant","content":"x","reasoning":"a","reasoning_content":"b"}])",
       "conflicting_parameters messages[0].reasoning"},
      {R"([{"role":"assistant","content":"x","refusal":""}])", ""},
      {R"([{"role":"assistant","refusal":"no"}])", ""},
      {R"([{"role":"assistant","content":"x","reasoning":"a","reasoning_content":"a"}])",
       ""},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(refusal(text), expected) << text;
  }
  EXPECT_EQ(
      form(R"([{"role":"assistant","content":"x","reasoning":"a"}])"),
      R"([{"role":"assistant","content":"x","reasoning_content":"a"}])");
  EXPECT_EQ(
      form(R"([{"role":"assistant","refusal":"no"}])"),
      R"([{"role":"assistant","content":"no"}])");
}

TEST(Messages, ShowsNoTextOfAPromptInMessages) {
  const auto messages =
      read(R"([{"role":"user","content":"x","name":["secret words"]}])");
  ASSERT_FALSE(messages);
  EXPECT_EQ(messages.error().message.find("secret"), std::string::npos);
}

} // namespace
} // namespace parallm::openai
