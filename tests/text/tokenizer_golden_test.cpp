#include <gtest/gtest.h>

#include <map>

#include "tests/text/shared_data.h"
#include "text/tokenizer.h"

namespace parallm {
namespace {

namespace json = boost::json;
using test::shared;

// A golden -> the tokenizer that it is of, in ../shared/data/tokenizers; ""
// where that is not at hand: the goldens are ids, so nothing less will do.
using Tokenizers = std::map<std::string, std::string>;

const Tokenizers& llama_cpp_goldens() {
  static const Tokenizers tokenizers = {
      {"llama-bpe", "llama3.2"},
      {"llama-spm", "llama2"},
      {"phi-3", "phi3"},
      {"qwen2", "qwen2.5"},
      {"bert-bge", "minilm"},
      {"command-r", ""},
      {"falcon", ""},
      {"gpt-2", ""},
      {"mpt", ""},
      {"refact", ""},
      {"starcoder", ""}};
  return tokenizers;
}

const Tokenizers& swift_goldens() {
  static const Tokenizers tokenizers = {
      {"coreml-projects/Llama-2-7b-chat-coreml", "llama2"},
      {"pcuenq/Llama-3.2-1B-Instruct-tokenizer", "llama3.2"},
      {"google-bert/bert-base-uncased", "minilm"},
      {"bert-base-uncased", "minilm"},
      {"distilbert/distilbert-base-multilingual-cased", ""},
      {"distilgpt2", ""},
      {"openai/whisper-large-v2", ""},
      {"openai/whisper-tiny.en", ""},
      {"pcuenq/gemma-tokenizer", ""},
      {"t5-base", ""},
      {"tiiuae/falcon-7b", ""}};
  return tokenizers;
}

void expect_golden(const std::string& golden, const std::string& name) {
  const auto base = shared("goldens/tokens/ggml-vocab-" + golden + ".gguf");
  const auto inputs =
      test::split(test::read_text(base + ".inp"), "\n__ggml_vocab_test__\n");
  const auto outputs = test::split(test::read_text(base + ".out"), "\n");
  const auto tokenizer = Tokenizer::load(shared("tokenizers/" + name));
  ASSERT_EQ(inputs.size(), outputs.size());
  for (size_t index = 0; index < inputs.size(); ++index) {
    EXPECT_EQ(
        tokenizer->encode(inputs[index], {.add_special_tokens = false}),
        test::numbers(outputs[index]))
        << name << ": " << inputs[index];
  }
}

TEST(TokenizerGoldens, IdsEqualThoseOfTheModels) {
  SKIP_WITHOUT_SHARED("goldens/tokens");
  for (const auto& [golden, name] : llama_cpp_goldens()) {
    if (!name.empty()) {
      expect_golden(golden, name);
    }
  }
}

TEST(TokenizerGoldens, NoneIsForgotten) {
  SKIP_WITHOUT_SHARED("goldens/tokens");
  const std::string before = "ggml-vocab-", after = ".gguf.inp";
  for (const auto& file : test::files_in(shared("goldens/tokens"))) {
    if (file.ends_with(after)) {
      const auto golden = file.substr(
          before.size(), file.size() - before.size() - after.size());
      EXPECT_TRUE(llama_cpp_goldens().contains(golden)) << golden;
    }
  }
  const auto swift =
      test::read_json(shared("goldens/tokens/swift-tokenizer_tests.json"));
  for (const auto& entry : swift.as_object()) {
    EXPECT_TRUE(swift_goldens().contains(std::string(entry.key())))
        << entry.key();
  }
}

// The Python package also removes blanks before punctuation for some models
// (clean_up_tokenization_spaces), after decoding; that would not be the text
// the model wrote, and we do not.
bool cleaned_by_python(const std::string& name) {
  return name == "llama3.2" || name == "minilm";
}

void expect_swift(const std::string& golden, const std::string& name) {
  const auto file =
      test::read_json(shared("goldens/tokens/swift-tokenizer_tests.json"));
  const auto tokenizer = Tokenizer::load(shared("tokenizers/" + name));
  for (const auto& entry : file.at(golden).as_array()) {
    const auto text = test::text_of(entry.at("input"));
    const auto ids = json::value_to<std::vector<TokenId>>(
        entry.at("encoded").at("input_ids"));
    EXPECT_EQ(tokenizer->encode(text, {}), ids) << name << ": " << text;
    if (cleaned_by_python(name)) {
      continue;
    }
    EXPECT_EQ(
        tokenizer->decode(ids, true),
        test::text_of(entry.at("decoded_without_special")))
        << name;
    EXPECT_EQ(
        tokenizer->decode(ids, false),
        test::text_of(entry.at("decoded_with_special")))
        << name;
  }
}

TEST(TokenizerGoldens, EqualTransformersOnItsOwnCases) {
  SKIP_WITHOUT_SHARED("goldens/tokens/swift-tokenizer_tests.json");
  for (const auto& [golden, name] : swift_goldens()) {
    if (!name.empty()) {
      expect_swift(golden, name);
    }
  }
}

} // namespace
} // namespace parallm
