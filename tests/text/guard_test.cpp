#include <gtest/gtest.h>

#include <random>

#include "tests/text/shared_data.h"
#include "text/chat_template.h"

namespace parallm {
namespace {

const std::string kByteLevel = PARALLM_TEST_DATA "/tiny-chat";
const std::string kPieces = PARALLM_TEST_DATA "/tokenizers/pieces";
constexpr EncodeOptions kPlain{.add_special_tokens = false};
constexpr EncodeOptions kBlind{
    .add_special_tokens = false, .parse_special = false};

std::vector<TokenId> operator+(
    std::vector<TokenId> a, const std::vector<TokenId>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST(Guard, LeavesOtherTextAlone) {
  const auto tokenizer = Tokenizer::load(kByteLevel);
  for (const std::string text : {"", "a < b > c", "<|im_end", "é🦙"}) {
    const auto guarded = guard_special(text + ".", *tokenizer);
    EXPECT_EQ(guarded, text + ".");
    EXPECT_EQ(
        encode_guarded(guarded, *tokenizer, true),
        tokenizer->encode(text + ".", {}));
  }
}

TEST(Guard, KeepsSpelledSpecialTokensText) {
  const auto tokenizer = Tokenizer::load(kByteLevel);
  const std::string before = "<|im_start|>user\n";
  const std::string after = "<|im_end|>\n<|im_start|>";
  const std::string client = "a<|im_end|>b <|eos|>";
  const auto prompt = before + guard_special(client, *tokenizer) + after;
  EXPECT_EQ(unguard(prompt), before + client + after);
  EXPECT_EQ(
      encode_guarded(prompt, *tokenizer, false),
      tokenizer->encode("<|im_start|>", kPlain) +
          tokenizer->encode("user\na<|im_end|>b <|eos|>", kBlind) +
          tokenizer->encode(after, kPlain));
}

TEST(Guard, AddsWhatTheModelAddsOnce) {
  const auto tokenizer = Tokenizer::load(kByteLevel);
  const auto prompt = guard_special("<|eos|>", *tokenizer);
  EXPECT_EQ(
      encode_guarded(prompt, *tokenizer, true),
      tokenizer->encode("<|eos|>", {.parse_special = false}));
}

TEST(Guard, DoesNotLetNeighboursCompleteASpelling) {
  const auto tokenizer = Tokenizer::load(kByteLevel);
  const auto prompt =
      guard_special("x<|im_", *tokenizer) + guard_special("end|>y", *tokenizer);
  EXPECT_EQ(
      encode_guarded(prompt, *tokenizer, false),
      tokenizer->encode("x<|im_end|>y", kBlind));
}

TEST(Guard, ChangesNothingWhereNothingIsCompleted) {
  const auto tokenizer = Tokenizer::load(kPieces);
  const auto prompt =
      "<|user|>" + guard_special("the <", *tokenizer) + "</s>and";
  EXPECT_EQ(
      encode_guarded(prompt, *tokenizer, true),
      tokenizer->encode("<|user|>the <</s>and", {}));
}

// A template may cut the text between the marks.
TEST(Guard, HoldsWhenATemplateCutsOffOneMark) {
  const auto tokenizer = Tokenizer::load(kByteLevel);
  const auto whole = guard_special("<|eos|>", *tokenizer);
  const size_t mark = 3; // bytes
  const auto blind = tokenizer->encode("<|eos|>", kBlind);
  const auto without_open = whole.substr(mark);
  const auto without_close = whole.substr(0, whole.size() - mark);
  EXPECT_EQ(encode_guarded(without_open, *tokenizer, false), blind);
  EXPECT_EQ(encode_guarded(without_close, *tokenizer, false), blind);
}

TEST(Guard, CannotBeForged) {
  const auto tokenizer = Tokenizer::load(kByteLevel);
  const std::string client =
      "\uFDD0a\uFDD1<|eos|>\uFDD2"
      "0\uFDD2";
  const auto prompt = guard_special(client, *tokenizer);
  EXPECT_EQ(unguard(prompt), client);
  EXPECT_EQ(
      encode_guarded(prompt, *tokenizer, false),
      tokenizer->encode(client, kBlind));
}

TEST(Guard, TakesTheWhiteSpaceThatATokenSwallows) {
  const auto tokenizer = Tokenizer::load(kPieces);
  const auto prompt = "<|user|>  " + guard_special("</s>", *tokenizer);
  EXPECT_EQ(
      encode_guarded(prompt, *tokenizer, false),
      tokenizer->encode("<|user|>", kPlain) +
          tokenizer->encode("</s>", kBlind));
}

TEST(Guard, PassesThroughTemplatesAndTheirJson) {
  const auto tokenizer = Tokenizer::load(kByteLevel);
  const auto form = ChatTemplate::compile(
      "<|im_start|>{{ text | tojson(ensure_ascii=True) }}{{ text | trim }}",
      *tokenizer);
  ASSERT_TRUE(form);
  const auto prompt = form.value()->render(
      "{\"text\": \"" + guard_special(" <|eos|>", *tokenizer) + "\"}");
  ASSERT_TRUE(prompt);
  EXPECT_EQ(
      encode_guarded(prompt.value(), *tokenizer, false),
      tokenizer->encode("<|im_start|>", kPlain) +
          tokenizer->encode("\" <|eos|>\"<|eos|>", kBlind));
}

std::string random_text(
    std::mt19937& random, const std::vector<std::string>& parts) {
  std::string text;
  for (uint32_t left = random() % 5; left > 0; --left) {
    text += parts[random() % parts.size()];
  }
  return text;
}

// Whatever client and template say: the special tokens of the ids are those
// that the template wrote, in their order, and the text is the same.
void expect_only_the_templates_tokens(
    const std::string& folder, const std::vector<std::string>& parts) {
  const auto tokenizer = Tokenizer::load(folder);
  std::mt19937 random(5);
  for (int round = 0; round < 500; ++round) {
    std::string prompt;
    std::vector<TokenId> written;
    for (int turn = 0; turn < 3; ++turn) {
      const auto special = tokenizer->specials().any();
      prompt += tokenizer->piece(special);
      prompt += guard_special(random_text(random, parts), *tokenizer);
      prompt += guard_special(random_text(random, parts), *tokenizer);
      written.push_back(special);
    }
    const auto ids = encode_guarded(prompt, *tokenizer, false);
    if (unguard(prompt) == prompt) { // the library has it for itself
      ASSERT_EQ(ids, tokenizer->encode(prompt, kPlain));
      continue;
    }
    std::vector<TokenId> found;
    std::copy_if(
        ids.begin(), ids.end(), std::back_inserter(found),
        [&](TokenId id) { return tokenizer->is_special(id); });
    ASSERT_EQ(found, written) << unguard(prompt);
  }
}

TEST(Guard, LetsOnlyTheTemplateWriteSpecialTokens) {
  expect_only_the_templates_tokens(
      kByteLevel, {"<|", "im_end|>", "<|im_end|>", "<|eos|>", " ", "a", "<",
                   "|>", "\uFDD0", "\uFDD1", "\uFDD2", "1"});
  expect_only_the_templates_tokens(
      kPieces, {"<", "s>", "</s>", "<s>", "/", "the", " ", "<|user|>", "\n"});
}

TEST(Guard, WorksForRealVocabularies) {
  SKIP_WITHOUT_SHARED("tokenizers");
  expect_only_the_templates_tokens(
      test::shared("tokenizers/llama2"), {"<", "s>", "</s>", "<s>", "the "});
  expect_only_the_templates_tokens(
      test::shared("tokenizers/phi3"),
      {"<|end|>", "<|", "end|>", "<s>", " the", "\n"});
  expect_only_the_templates_tokens(
      test::shared("tokenizers/llama3.2"),
      {"<|eot_id|>", "<|", "eot_id|>", " the", "\n\n"});
}

} // namespace
} // namespace parallm
