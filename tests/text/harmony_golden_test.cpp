#include <gtest/gtest.h>

#include <map>

#include "tests/text/shared_data.h"
#include "text/chat_template.h"

// Conversations as gpt-oss' own renderer (openai/harmony) writes them, by the
// Jinja template that its checkpoints hold. File names without "test_", ".txt".
namespace parallm {
namespace {

constexpr auto kSameDay =
    "{% macro strftime_now(format) %}2025-06-28{% endmacro %}";
constexpr auto kDateLine = "Current date: 2025-06-28\n";

// Without a message, as some of the goldens are.
constexpr auto kSilence = R"("messages": [{"role": "developer", "content": ""}],
                             "add_generation_prompt": true)";

std::string question(const std::string& text) {
  return R"("messages": [{"role": "user", "content": ")" + text +
         R"("}], "add_generation_prompt": true)";
}

const std::map<std::string, std::string>& conversations() {
  static const auto russia =
      question("What is the capital of the largest country in the world?");
  static const std::map<std::string, std::string> variables = {
      {"no_tools", kSilence},
      {"browser_tool_only",
       std::string(R"("builtin_tools": ["browser"], )") + kSilence},
      {"browser_and_python_tool",
       std::string(R"("builtin_tools": ["browser", "python"], )") + kSilence},
      {"browser_and_function_tool", std::string(R"("builtin_tools": ["browser"],
           "tools": [{"type": "function", "function": {
             "name": "lookup_weather",
             "description": "Use this tool to lookup the weather in a given location. Call it with the parameter 'location', can be any textual description of a location.",
             "parameters": {"type": "object", "required": ["location"],
               "properties": {"location": {"type": "string"}}}}}], )") +
                                        kSilence},
      {"simple_convo", question("What is 2 + 2?")},
      {"simple_convo_low_effort_no_instruction",
       R"("reasoning_effort": "low", )" + russia},
      {"simple_convo_medium_effort_no_instruction",
       R"("reasoning_effort": "medium", )" + russia},
      {"simple_convo_high_effort_no_instruction",
       R"("reasoning_effort": "high", )" + russia},
      {"dropping_cot_by_default",
       R"("add_generation_prompt": true, "messages": [
           {"role": "user", "content": "What is 2 + 2?"},
           {"role": "assistant", "content": "2 + 2 equals 4.",
            "thinking": "User asks a simple question."},
           {"role": "user", "content": "What about 9 / 2?"}])"}};
  return variables;
}

// What the template cannot write, and what is no conversation.
const std::map<std::string, std::string>& left_out() {
  static const std::string blank_lines =
      "the template ends instructions with an empty line";
  static const std::string channels =
      "the template always offers the channel 'commentary'";
  static const std::string answer =
      "what a model answers, to be parsed: nothing is rendered";
  static const std::map<std::string, std::string> reasons = {
      {"simple_convo_low_effort", blank_lines},
      {"simple_convo_medium_effort", blank_lines},
      {"simple_convo_high_effort", blank_lines},
      {"reasoning_system_message", channels},
      {"reasoning_system_message_no_instruction", channels},
      {"reasoning_system_message_with_dates", channels},
      {"render_functions_with_parameters",
       "the template writes defaults, titles and examples in another way"},
      {"does_not_drop_if_ongoing_analysis",
       "the template says of a tool's result to whom it goes, and quotes it"},
      {"preserve_cot", "the template always drops what was thought before"},
      {"keep_analysis_between_finals",
       "the template ends a last answer with <|return|>"},
      {"simple_reasoning_response", answer},
      {"simple_tool_call", answer},
      {"streamable_parser", answer},
      {"tool_response_parsing", answer}};
  return reasons;
}

std::string golden(const std::string& name) {
  auto text =
      test::read_text(test::shared("goldens/harmony/test_" + name + ".txt"));
  return text.substr(0, text.find_last_not_of('\n') + 1);
}

// The template always writes a system message, and the date in it. The renderer
// was asked for neither in some goldens.
std::string without_what_it_lacks(std::string text, const std::string& golden) {
  if (!golden.starts_with("<|start|>system")) {
    return text.substr(text.find("<|end|>") + 7);
  }
  if (golden.find(kDateLine) == std::string::npos) {
    text.erase(text.find(kDateLine), std::string(kDateLine).size());
  }
  return text;
}

TEST(HarmonyGoldens, TheTemplateOfGptOssWritesTheSame) {
  SKIP_WITHOUT_SHARED("goldens/harmony");
  SKIP_WITHOUT_SHARED("chat-templates/openai-gpt-oss-120b.jinja");
  const auto tokenizer =
      Tokenizer::load(PARALLM_TEST_DATA "/tokenizers/pieces");
  const auto form = ChatTemplate::compile(
      kSameDay + test::read_text(
                     test::shared("chat-templates/openai-gpt-oss-120b.jinja")),
      *tokenizer);
  ASSERT_TRUE(form);
  for (const auto& [name, variables] : conversations()) {
    const auto text = form.value()->render("{" + variables + "}");
    ASSERT_TRUE(text) << name << ": " << text.error().message;
    const auto want = golden(name);
    EXPECT_EQ(without_what_it_lacks(text.value(), want), want) << name;
  }
}

TEST(HarmonyGoldens, NoneIsForgotten) {
  SKIP_WITHOUT_SHARED("goldens/harmony");
  for (const auto& file : test::files_in(test::shared("goldens/harmony"))) {
    const std::string name = file.substr(5, file.size() - 9);
    EXPECT_NE(conversations().contains(name), left_out().contains(name))
        << file;
  }
}

} // namespace
} // namespace parallm
