#include "text/chat_template.h"

#include <gtest/gtest.h>

#include <regex>

#include "base/check.h"
#include "tests/support/temporary_folder.h"

namespace parallm {
namespace {

const std::string kPieces = PARALLM_TEST_DATA "/tokenizers/pieces";

class ChatTemplateTest : public testing::Test {
 protected:
  std::string render(
      const std::string& source, const std::string& variables = "{}") const {
    const auto form = ChatTemplate::compile(source, *tokenizer_);
    if (!form) {
      return "does not compile: " + form.error().message;
    }
    const auto text = form.value()->render(variables);
    return text ? text.value() : "error: " + text.error().message;
  }

  std::shared_ptr<const Tokenizer> tokenizer_ = Tokenizer::load(kPieces);
};

TEST_F(ChatTemplateTest, TrimsBlocksAsTransformersDoes) {
  EXPECT_EQ(render("  {% if true %}\n  a\n  {% endif %}\n b\n"), "  a\n b");
}

TEST_F(ChatTemplateTest, KnowsTheNamedTokensAndTheUsualVariables) {
  EXPECT_EQ(
      render("{{ bos_token }}{{ eos_token }}{{ tools }}{{ documents }}"),
      "<s></s>NoneNone");
  EXPECT_EQ(render("{{ bos_token }}", R"({"bos_token": "x"})"), "x");
  EXPECT_EQ(render("{{ messages is defined }}"), "False");
}

TEST_F(ChatTemplateTest, WritesJsonAsPython) {
  const std::string value =
      R"({"v": {"b": ["é\n\u0001<&'\"", 1.0, 1e-7, 1e16, true, null, {}], "a": []}})";
  EXPECT_EQ(
      render("{{ v | tojson }}", value),
      R"({"b": ["é\n\u0001<&'\"", 1.0, 1e-07, 1e+16, true, null, {}], "a": []})");
  EXPECT_EQ(
      render("{{ v.b[0] | tojson(ensure_ascii=True) }}", value),
      R"("\u00e9\n\u0001<&'\"")");
  EXPECT_EQ(
      render(
          "{{ v | tojson(indent=1, sort_keys=True, separators=(',', '=')) }}",
          R"({"v": {"b": [1, {}], "a": 2}})"),
      "{\n \"a\"=2,\n \"b\"=[\n  1,\n  {}\n ]\n}");
}

TEST_F(ChatTemplateTest, PrintsValuesAsPython) {
  EXPECT_EQ(
      render(
          "{{ v }} {{ none }} {{ true }} {{ 1e20 }}",
          R"({"v": [1, "it's", null, {"a": false}]})"),
      R"([1, "it's", None, {'a': False}] None True 1e+20)");
}

TEST_F(ChatTemplateTest, HasTheMethodsOfPython) {
  EXPECT_EQ(render("{{ ' a-b-c '.strip().split('-', 1) }}"), "['a', 'b-c']");
  EXPECT_EQ(render("{{ 'a-b-c'.rsplit('-', 1) }}"), "['a-b', 'c']");
  EXPECT_EQ(render("{{ 'a-b-c'.rpartition('-') }}"), "('a-b', '-', 'c')");
  EXPECT_EQ(render("{{ 'abc'.removeprefix('a').upper() }}"), "BC");
  EXPECT_EQ(render("{{ {'a': 1}.get('b', 2) }}"), "2");
  EXPECT_EQ(
      render("{% for k, v in {'b': 1, 'a': 2}.items() %}{{ k }}{{ v }}"
             "{% endfor %}"),
      "b1a2");
}

TEST_F(ChatTemplateTest, RendersGenerationBlocksAsTheirContent) {
  EXPECT_EQ(
      render("a {%- generation -%}\n b{% set x = 1 %} {%- endgeneration %}\n"
             "{{ x is defined }}"),
      "abFalse");
}

TEST_F(ChatTemplateTest, KnowsTheDate) {
  EXPECT_TRUE(std::regex_match(
      render("{{ strftime_now('%d %b %Y') }}"),
      std::regex("[0-3][0-9] [A-Z][a-z]{2} 20[0-9]{2}")));
}

TEST_F(ChatTemplateTest, PassesOnWhatTheTemplateRaises) {
  EXPECT_EQ(
      render("{{ raise_exception('roles must alternate') }}"),
      "error: roles must alternate");
}

TEST_F(ChatTemplateTest, SaysWhereATemplateIsWrong) {
  EXPECT_NE(render("a\n{% if %}").find("line 2"), std::string::npos);
  EXPECT_NE(render("a\n{{ x.y }}").find("line 2"), std::string::npos);
}

TEST_F(ChatTemplateTest, EndsATemplateThatDoesNot) {
  const std::string loop = "{% for a in range(99999) %}";
  EXPECT_EQ(
      render(loop + loop + "{% endfor %}{% endfor %}"),
      "error: the template takes too long");
  EXPECT_EQ(
      render("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}").substr(0, 6),
      "error:");
}

TEST_F(ChatTemplateTest, EndsATemplateThatWritesTooMuch) {
  EXPECT_EQ(
      render("{% for a in range(9000) %}{{ 'x' * 1000 }}{% endfor %}"),
      "error: the rendered prompt is larger than 8 MiB");
}

TEST_F(ChatTemplateTest, SurvivesValuesNestedWithoutEnd) {
  const std::string nest =
      "{% set ns = namespace(x=[]) %}{% for i in range(50000) %}"
      "{% set ns.x = [ns.x] %}{% endfor %}";
  EXPECT_EQ(render(nest + "{{ ns.x | tojson }}").substr(0, 6), "error:");
}

TEST_F(ChatTemplateTest, SaysWhichVariablesItReads) {
  const auto form = ChatTemplate::compile(
      "{% set a = tools %}{{ a }}{% for m in messages %}{{ m.x }}{% endfor %}"
      "{% if enable_thinking is defined and enable_thinking %}{% endif %}",
      *tokenizer_);
  ASSERT_TRUE(form);
  for (const char* name : {"tools", "messages", "enable_thinking"}) {
    EXPECT_TRUE(form.value()->reads(name)) << name;
  }
  for (const char* name : {"a", "m", "x", "documents"}) {
    EXPECT_FALSE(form.value()->reads(name)) << name;
  }
}

TEST_F(ChatTemplateTest, RefusesVariablesThatAreNoObject) {
  EXPECT_EQ(render("a", "[1]").substr(0, 6), "error:");
  EXPECT_EQ(render("a", "{").substr(0, 6), "error:");
}

TEST_F(ChatTemplateTest, IsLoadedFromTheFirstFileThatHasOne) {
  test::TemporaryFolder folder;
  const auto loaded = [&] {
    const auto form = ChatTemplate::load(folder.path(), *tokenizer_);
    return form ? form->render("{}").value() : "none";
  };
  EXPECT_EQ(loaded(), "none");
  folder.write("tokenizer_config.json", R"({"chat_template": null})");
  EXPECT_EQ(loaded(), "none");
  folder.write(
      "tokenizer_config.json",
      R"({"chat_template": [{"name": "rag", "template": "rag"},
                            {"name": "default", "template": "named"}]})");
  EXPECT_EQ(loaded(), "named");
  folder.write("tokenizer_config.json", R"({"chat_template": "config"})");
  EXPECT_EQ(loaded(), "config");
  folder.write("chat_template.json", R"({"chat_template": "json"})");
  EXPECT_EQ(loaded(), "json");
  folder.write("chat_template.jinja", "jinja");
  EXPECT_EQ(loaded(), "jinja");
}

TEST_F(ChatTemplateTest, IsLoadedFromAFileOfItsOwn) {
  test::TemporaryFolder folder;
  folder.write("mine.jinja", "mine {{ bos_token }}");
  const auto path = (folder.path() / "mine.jinja").string();
  const auto form = ChatTemplate::load_file(path, *tokenizer_);
  EXPECT_TRUE(form->render("{}").value().starts_with("mine "));
  try {
    ChatTemplate::load_file(path + "x", *tokenizer_);
    FAIL() << "loaded";
  } catch (const StartError& error) {
    EXPECT_EQ(error.exit_code, kExitNotFound);
  }
}

TEST_F(ChatTemplateTest, NamesTheFileThatDoesNotCompile) {
  test::TemporaryFolder folder;
  folder.write("chat_template.jinja", "{% for %}");
  try {
    ChatTemplate::load(folder.path(), *tokenizer_);
    FAIL() << "loaded";
  } catch (const StartError& error) {
    EXPECT_EQ(error.exit_code, kExitBadData);
    EXPECT_NE(
        std::string(error.what()).find("chat_template.jinja"),
        std::string::npos);
  }
}

} // namespace
} // namespace parallm
