#include <gtest/gtest.h>

#include "tests/text/shared_data.h"
#include "text/tokenizer.h"

namespace parallm {
namespace {

namespace json = boost::json;
using test::shared;

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
  expect_golden("llama-bpe", "llama3.2");
  expect_golden("llama-spm", "llama2");
  expect_golden("phi-3", "phi3");
  expect_golden("qwen2", "qwen2.5");
  expect_golden("bert-bge", "minilm");
}

// The Python package also removes blanks before punctuation for some models
// (clean_up_tokenization_spaces), after decoding; that would not be the text
// the model wrote, and we do not.
enum class Cleaning { kNone, kPython };

void expect_swift(
    const std::string& golden, const std::string& name, Cleaning cleaning) {
  const auto file =
      test::read_json(shared("goldens/tokens/swift-tokenizer_tests.json"));
  const auto tokenizer = Tokenizer::load(shared("tokenizers/" + name));
  for (const auto& entry : file.at(golden).as_array()) {
    const auto text = test::text_of(entry.at("input"));
    const auto ids = json::value_to<std::vector<TokenId>>(
        entry.at("encoded").at("input_ids"));
    EXPECT_EQ(tokenizer->encode(text, {}), ids) << name << ": " << text;
    if (cleaning == Cleaning::kPython) {
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
  expect_swift(
      "coreml-projects/Llama-2-7b-chat-coreml", "llama2", Cleaning::kNone);
  expect_swift(
      "pcuenq/Llama-3.2-1B-Instruct-tokenizer", "llama3.2", Cleaning::kPython);
  expect_swift("google-bert/bert-base-uncased", "minilm", Cleaning::kPython);
}

} // namespace
} // namespace parallm
