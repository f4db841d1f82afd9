#include "api/openai/prompt.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace parallm::openai {
namespace {

// As sentencepiece has it: each word with its blank, and without.
const Tokenizer& pieces() {
  static const auto loaded =
      Tokenizer::load(std::string(PARALLM_TEST_DATA) + "/tokenizers/pieces");
  return *loaded;
}

const Tokenizer& byte_level() {
  static const auto loaded =
      Tokenizer::load(std::string(PARALLM_TEST_DATA) + "/tiny-chat");
  return *loaded;
}

using Words = std::vector<std::vector<TokenId>>;

Words spelled(
    const Tokenizer& tokenizer, std::vector<std::vector<std::string>> words) {
  Words all;
  for (const auto& word : words) {
    auto& ids = all.emplace_back();
    for (const auto& piece : word) {
      ids.push_back(tokenizer.id_of(piece).value_or(kNoToken));
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

Words banned(const Tokenizer& tokenizer, const std::string& word) {
  auto all = encode_bad_words({word}, tokenizer);
  std::sort(all.begin(), all.end());
  return all;
}

TEST(BadWords, AreBannedInEveryFormThatATextHas) {
  EXPECT_EQ(banned(pieces(), "the"), spelled(pieces(), {{"▁the"}, {"the"}}));
  EXPECT_EQ(banned(pieces(), "."), spelled(pieces(), {{"▁", "."}, {"."}}));
  EXPECT_EQ(
      banned(byte_level(), "the"),
      spelled(byte_level(), {{"Ġthe"}, {"t", "he"}}));
}

TEST(BadWords, DoNotDependOnTheBlanksAroundThem) {
  for (const auto* tokenizer : {&pieces(), &byte_level()}) {
    const auto bare = banned(*tokenizer, "the and");
    for (const auto* word : {" the and", "the and ", "  the and  "}) {
      EXPECT_EQ(banned(*tokenizer, word), bare) << word;
    }
  }
}

TEST(BadWords, MayBeBlank) {
  EXPECT_FALSE(banned(pieces(), " ").empty());
  EXPECT_EQ(
      banned(byte_level(), "\n").front(),
      byte_level().encode("\n", {.add_special_tokens = false}));
}

TEST(EncodeInput, RefusesTextBeyondTheBoundUnlessItIsTruncated) {
  std::string text;
  for (int count = 0; count < 20; ++count) {
    text += "€"; // 3 bytes
  }
  EncodeRules rules{.add_special_tokens = false, .max_text_bytes = 10};
  const auto refused = encode_input(text, rules, pieces(), "prompt");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "context_length_exceeded");
  EXPECT_EQ(refused.error().param, "prompt");

  rules.truncate_to = 100;
  const auto cut = encode_input(text, rules, pieces(), "prompt");
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut.value().text, "€€€"); // the largest whole end
  EXPECT_EQ(
      cut.value().ids, pieces().encode("€€€", {.add_special_tokens = false}));
}

} // namespace
} // namespace parallm::openai
