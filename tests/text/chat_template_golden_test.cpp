#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/text/shared_data.h"
#include "text/chat_template.h"

namespace parallm {
namespace {

namespace json = boost::json;

std::shared_ptr<const Tokenizer> any_tokenizer() {
  return Tokenizer::load(PARALLM_TEST_DATA "/tokenizers/pieces");
}

std::string render(
    const std::string& source,
    const json::value& variables,
    const Tokenizer& tokenizer) {
  const auto form = ChatTemplate::compile(source, tokenizer);
  if (!form) {
    return "does not compile: " + form.error().message;
  }
  const auto text = form.value()->render(json::serialize(variables));
  return text ? text.value() : "error: " + text.error().message;
}

// The goldens come from a JavaScript engine. Where it prints values in
// JavaScript's way, models were trained on Python's; these are what
// transformers 5.23 gives. Begins with "error:" where it raises.
const std::map<std::string, std::string>& as_transformers() {
  static const std::map<std::string, std::string> texts = {
      {"BOOLEAN_LITERALS", "|True|False|True|False|"},
      {"LOGICAL_NOT", "FalseTrue"},
      {"LOGICAL_AND_OR", "TrueTrueTrueTrueFalse"},
      {"LOGICAL_AND_NOT", "FalseTrueFalseFalse"},
      {"LOGICAL_OR_NOT", "TrueTrueFalseTrue"},
      {"LOGICAL_COMBINED", "FalseTrue"},
      {"FOR_LOOP_UNPACKING", "error:"}, // number + string
      {"OBJECT_OPERATORS_2", "error:"},
      {"MACROS_2", "error:"},
      {"MEMBERSHIP", "|True|True|True|True|True|False|"}, // 1 == True
      {"MEMBERSHIP_NEGATION_1", "|False|False|False|False|False|True|"},
      {"MEMBERSHIP_NEGATION_2", "|False|False|False|False|False|True|"},
      {"MEMBERSHIP_UNDEFINED", "|False|False|False|False|False|False|"},
      {"SORT_CASE_SENSITIVE", "['Apple', 'banana', 'cherry']"},
      {"SORT_ATTRIBUTE_SIMPLE", "['Alice', 'Bob', 'Charlie']"},
      {"SORT_STABLE", "['apple', 'banana', 'carrot', 'broccoli']"},
      {"SORT_POSITIONAL_REVERSE_CASE", "['Apple', 'banana', 'cherry']"},
      {"SORT_POSITIONAL_ALL", "['Alice', 'Bob', 'Charlie']"},
      {"SORT_NULL_VALUES", "[None, None]"},
      {"BOOLEAN_NUMERICAL", "|2|0|0|0|1|1|1|0|False|True|"},
      {"BOOLEAN_STRINGS", "|b||||a|a|a||False|True|"},
      {"BOOLEAN_MIXED", "|1|0|False|False|True|True|1|0|"},
      {"IS_OPERATOR_2", "|True|False|False|True|True|False|"},
      {"IS_OPERATOR_5", "|True|False|False|True|"},
      {"IS_OPERATOR_6", "|False|False|False|True|"},
      {"SHORT_CIRCUIT_1", "True"},
      {"NAMESPACE_1", "False"},
      {"SCOPE", "found=True"},
      {"SCOPE_1", "found=False"},
  };
  return texts;
}

TEST(ChatTemplateGoldens, ExpressionsEqualTransformers) {
  SKIP_WITHOUT_SHARED("goldens/jinja_unit_goldens.json");
  const auto file =
      test::read_json(test::shared("goldens/jinja_unit_goldens.json"));
  const auto tokenizer = any_tokenizer();
  for (const auto& entry : file.at("cases").as_array()) {
    ASSERT_FALSE(entry.at("needs_function").as_bool());
    const auto name = test::text_of(entry.at("name"));
    auto text = render(
        test::text_of(entry.at("template")), entry.at("context"), *tokenizer);
    if (text.starts_with("error:")) {
      text = "error:";
    }
    const auto python = as_transformers().find(name);
    EXPECT_EQ(
        text, python == as_transformers().end()
                  ? test::text_of(entry.at("expected"))
                  : python->second)
        << name;
  }
}

// Hammer2.1 prints its tools with {{ tools }}: JSON in JavaScript, a Python
// literal in transformers. The value is what has to stand there.
constexpr std::string_view kPrintsTools = "MadeAgents/Hammer2.1";

void expect_rendered(
    const std::string& name, const json::value& entry, const Tokenizer& any) {
  auto want = test::text_of(entry.at("target"));
  const auto text =
      render(test::text_of(entry.at("chat_template")), entry.at("data"), any);
  if (name == kPrintsTools) {
    const auto begin = want.find("\n[{\"type\"");
    const auto end = want.find("\n[END OF AVAILABLE_TOOLS]");
    ASSERT_LT(begin, end);
    EXPECT_EQ(text.substr(0, begin), want.substr(0, begin));
    EXPECT_EQ(text.substr(begin, 22), "\n[{'type': 'function',");
    EXPECT_TRUE(text.ends_with(want.substr(end)));
    return;
  }
  EXPECT_EQ(text, want) << name;
}

TEST(ChatTemplateGoldens, PromptsEqualThoseOfTheModels) {
  SKIP_WITHOUT_SHARED("goldens/chat_template_goldens.json");
  const auto file =
      test::read_json(test::shared("goldens/chat_template_goldens.json"));
  const auto tokenizer = any_tokenizer();
  int count = 0;
  for (const auto& group : file.as_object()) {
    for (const auto& entry : group.value().as_object()) {
      expect_rendered(std::string(entry.key()), entry.value(), *tokenizer);
      ++count;
    }
  }
  EXPECT_GE(count, 30);
}

// FNV-1a, as tools/make_template_goldens.py counts it.
std::string digest(const std::string& text) {
  if (text.starts_with("error:")) {
    return "error";
  }
  uint64_t hash = 0xcbf29ce484222325u;
  for (const unsigned char byte : text) {
    hash = (hash ^ byte) * 0x100000001b3u;
  }
  return fmt::format("{} {:016x}", text.size(), hash);
}

// Of tools, transformers makes nothing good by these. Ours is what their
// authors meant.
const std::map<std::string_view, std::string_view>& better_with_tools() {
  static const std::map<std::string_view, std::string_view> reasons = {
      {"llama-cpp-deepseek-r1.jinja",
       "an error: a filter's result is no list, so Python has no JSON for it"},
      {"meetkai-functionary-medium-v3.1.jinja",
       "`safe` makes Jinja2 write the tools' JSON as HTML, with &#34;"},
  };
  return reasons;
}

// Conversations with system prompt, tools, calls, results and thoughts, by each
// published template: the same bytes as transformers 5.24, or an error as
// there.
TEST(ChatTemplateGoldens, AllTemplatesRenderAsTransformersDoes) {
  SKIP_WITHOUT_SHARED("chat-templates");
  const auto goldens =
      test::read_json(PARALLM_TEST_DATA "/chat_template_goldens.json");
  const auto before = test::text_of(goldens.at("before"));
  const auto& conversations = goldens.at("conversations").as_object();
  const auto tokenizer = any_tokenizer();
  for (const auto& [name, digests] : goldens.at("digests").as_object()) {
    const auto path = test::shared("chat-templates/" + std::string(name));
    const auto source = before + test::read_text(path);
    for (const auto& [conversation, variables] : conversations) {
      const auto text = render(source, variables, *tokenizer);
      if (variables.as_object().contains("tools") &&
          better_with_tools().contains(name)) {
        EXPECT_NE(text.find("\"get_weather\""), std::string::npos) << text;
        continue;
      }
      EXPECT_EQ(digest(text), test::text_of(digests.at(conversation)))
          << std::string(name) << ", " << std::string(conversation) << ":\n"
          << text;
    }
  }
}

// tools/make_template_goldens.py counts the digest of a new one.
TEST(ChatTemplateGoldens, NoTemplateIsForgotten) {
  SKIP_WITHOUT_SHARED("chat-templates");
  const auto goldens =
      test::read_json(PARALLM_TEST_DATA "/chat_template_goldens.json");
  for (const auto& name : test::files_in(test::shared("chat-templates"))) {
    EXPECT_TRUE(goldens.at("digests").as_object().contains(name)) << name;
  }
}

// The prompt of a real model, from its own files, down to the ids that
// transformers 5.23 gives.
TEST(ChatTemplateGoldens, PromptAndIdsOfQwenEqualTransformers) {
  SKIP_WITHOUT_SHARED("tokenizers/qwen2.5");
  const auto folder = test::shared("tokenizers/qwen2.5");
  const auto tokenizer = Tokenizer::load(folder);
  const auto form = ChatTemplate::load(folder, *tokenizer);
  ASSERT_TRUE(form);
  const auto prompt = form->render(
      R"({"messages": [{"role": "user", "content": "Hi"}],
          "add_generation_prompt": true})");
  ASSERT_TRUE(prompt);
  const std::vector<TokenId> ids = {
      151644, 8948,   198, 2610, 525,   1207,   16948, 11,     3465,  553,
      54364,  14817,  13,  1446, 525,   264,    10950, 17847,  13,    151645,
      198,    151644, 872, 198,  13048, 151645, 198,   151644, 77091, 198};
  EXPECT_EQ(encode_guarded(prompt.value(), *tokenizer, false), ids);
}

} // namespace
} // namespace parallm
