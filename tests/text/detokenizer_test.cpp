#include "text/detokenizer.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/temporary_folder.h"
#include "tests/text/reference_decoder.h"

namespace parallm {
namespace {

const std::string kByteLevel = PARALLM_TEST_DATA "/tiny-chat";
const std::string kPieces = PARALLM_TEST_DATA "/tokenizers/pieces";

std::string token_by_token(
    const Tokenizer& tokenizer,
    std::span<const TokenId> ids,
    bool skip_special) {
  Detokenizer detokenizer(tokenizer, skip_special);
  std::string text;
  for (const TokenId id : ids) {
    detokenizer.push(id, text);
  }
  detokenizer.finish(text);
  return text;
}

// All bytes at once, as the Unicode standard repairs them.
std::string joined(const Tokenizer& tokenizer, std::span<const TokenId> ids) {
  std::string bytes;
  bool started = false;
  for (const TokenId id : ids) {
    bytes += started ? tokenizer.bytes(id) : tokenizer.bytes_at_start(id);
    started = started || !tokenizer.bytes(id).empty();
  }
  Utf8Stream stream;
  std::string text;
  stream.push(bytes, text);
  stream.finish(text);
  return text;
}

TEST(Detokenizer, HoldsACharacterBackUntilItsBytesAreThere) {
  const auto tokenizer = Tokenizer::load(kPieces);
  const auto ids = tokenizer->encode("🦙", {.add_special_tokens = false});
  Detokenizer detokenizer(*tokenizer, true);
  std::string text;
  for (size_t at = 0; at + 1 < ids.size(); ++at) {
    detokenizer.push(ids[at], text);
    EXPECT_EQ(text, "");
    EXPECT_EQ(detokenizer.last_bytes(), at == 0 ? 0 : 1);
  }
  detokenizer.push(ids.back(), text);
  EXPECT_EQ(text, "🦙");
}

TEST(Detokenizer, HoldsACharacterOfByteLevelTokensBack) {
  const auto tokenizer = Tokenizer::load(kByteLevel);
  Detokenizer detokenizer(*tokenizer, true);
  std::string text;
  for (const auto* part : {"ð", "Ł", "¦"}) {
    detokenizer.push(tokenizer->id_of(part).value(), text);
    EXPECT_EQ(text, "");
  }
  detokenizer.push(tokenizer->id_of("Ļ").value(), text);
  EXPECT_EQ(text, "🦙");
}

TEST(Detokenizer, ReplacesBytesThatNeverBecomeACharacter) {
  const auto tokenizer = Tokenizer::load(kByteLevel);
  const std::vector<TokenId> ids = {
      *tokenizer->id_of("ð"), *tokenizer->id_of("a"), *tokenizer->id_of("ð")};
  EXPECT_EQ(token_by_token(*tokenizer, ids, true), "\uFFFDa\uFFFD");
}

TEST(Detokenizer, LeavesSpecialTokensOutIfAsked) {
  const auto tokenizer = Tokenizer::load(kPieces);
  const auto ids = tokenizer->encode("the</s>and", {});
  EXPECT_EQ(token_by_token(*tokenizer, ids, true), "the and");
  EXPECT_EQ(token_by_token(*tokenizer, ids, false), "<s> the</s> and");
}

TEST(Detokenizer, DropsOnlyTheVeryFirstBlank) {
  const auto tokenizer = Tokenizer::load(kPieces);
  const auto ids = tokenizer->encode("  the", {.add_special_tokens = false});
  EXPECT_EQ(token_by_token(*tokenizer, ids, true), "  the");
}

TEST(Detokenizer, KeepsTheFirstBlankOfATextThatGoesOn) {
  const auto tokenizer = Tokenizer::load(kPieces);
  const auto id = *tokenizer->id_of("▁the");
  const auto begun = [&](TextStart start) {
    Detokenizer detokenizer(*tokenizer, true, start);
    std::string text;
    detokenizer.push(id, text);
    return text;
  };
  EXPECT_EQ(begun(TextStart::kFresh), "the");
  EXPECT_EQ(begun(TextStart::kContinued), " the");
}

std::vector<TokenId> random_ids(std::mt19937& random, int vocab) {
  std::uniform_int_distribution<TokenId> id(0, vocab - 1);
  std::vector<TokenId> ids(1 + random() % 40);
  for (auto& one : ids) {
    one = id(random);
  }
  return ids;
}

void expect_all_ways_equal(
    const std::string& folder, bool whole_characters_only) {
  const auto tokenizer = Tokenizer::load(folder);
  const test::ReferenceDecoder reference(folder);
  std::mt19937 random(11);
  for (int round = 0; round < 3'000; ++round) {
    const auto ids = random_ids(random, tokenizer->vocab());
    const auto text = token_by_token(*tokenizer, ids, false);
    ASSERT_EQ(text, tokenizer->decode(ids, false));
    ASSERT_EQ(text, joined(*tokenizer, ids));
    const auto known = reference.decode(ids, false);
    if (whole_characters_only && text.find("\uFFFD") != std::string::npos) {
      continue;
    }
    ASSERT_EQ(text, known) << folder;
  }
}

// The library repairs a run of byte tokens as a whole, for which one would
// have to wait for its end: those are compared where nothing needs repair.
TEST(Detokenizer, EqualsDecodeOnRandomIds) {
  expect_all_ways_equal(kByteLevel, false);
  expect_all_ways_equal(kPieces, true);
}

TEST(Detokenizer, EqualsDecodeOnRandomIdsOfRealVocabularies) {
  SKIP_WITHOUT_SHARED("tokenizers");
  for (const auto& name : test::shared_tokenizers()) {
    const bool byte_level =
        name == "llama3.2" || name == "qwen2.5" || name == "smollm";
    expect_all_ways_equal(test::shared("tokenizers/" + name), !byte_level);
  }
}

// Sentencepiece's unigrams, with no pieces for bytes.
constexpr auto kUnigrams = R"({
  "version": "1.0",
  "added_tokens": [
    {"id": 0, "content": "<unk>", "single_word": false, "lstrip": false,
     "rstrip": false, "normalized": false, "special": true},
    {"id": 1, "content": "</s>", "single_word": false, "lstrip": false,
     "rstrip": false, "normalized": false, "special": true}],
  "pre_tokenizer": {"type": "Metaspace", "replacement": "▁",
                    "prepend_scheme": "always", "split": true},
  "decoder": {"type": "Metaspace", "replacement": "▁",
              "prepend_scheme": "always", "split": true},
  "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": false, "vocab": [
    ["<unk>", 0], ["</s>", 0], ["▁", -3], ["▁the", -1], ["▁日", -2],
    ["本", -2], ["n", -4], ["é", -4], ["t", -4], ["he", -4]]}})";

TEST(Detokenizer, EqualsDecodeWhereNoTokenIsAByte) {
  test::TemporaryFolder folder;
  folder.write("tokenizer.json", kUnigrams);
  expect_all_ways_equal(folder.path(), false);
}

TEST(Detokenizer, GivesAnUnknownTokenOnlyIfAskedForSpecials) {
  test::TemporaryFolder folder;
  folder.write("tokenizer.json", kUnigrams);
  const auto tokenizer = Tokenizer::load(folder.path());
  const auto ids = tokenizer->encode("the 🦙né 日本", {});
  EXPECT_EQ(token_by_token(*tokenizer, ids, true), "the né 日本");
  EXPECT_EQ(token_by_token(*tokenizer, ids, false), "the <unk>né 日本");
}

void expect_texts_decode(
    const std::string& name, const std::vector<std::string>& texts) {
  const auto folder = test::shared("tokenizers/" + name);
  const auto tokenizer = Tokenizer::load(folder);
  const test::ReferenceDecoder reference(folder);
  for (const auto& text : texts) {
    const auto ids = tokenizer->encode(text, {.add_special_tokens = false});
    const auto decoded = token_by_token(*tokenizer, ids, true);
    EXPECT_EQ(decoded, reference.decode(ids, true)) << name;
    EXPECT_EQ(decoded, tokenizer->decode(ids, true)) << name;
    if (name != "minilm") { // which lowers case and loses blanks
      EXPECT_EQ(decoded, text) << name;
    }
  }
}

TEST(Detokenizer, GivesBackRealTexts) {
  SKIP_WITHOUT_SHARED("tokenizers");
  SKIP_WITHOUT_SHARED("text");
  const auto wiki = test::read_text(test::shared("text/wiki.test.raw"));
  const auto plays = test::read_text(test::shared("text/tinyshakespeare.txt"));
  const std::vector<std::string> texts = {
      wiki.substr(0, wiki.find('\n', 60'000)), plays.substr(0, 60'000),
      "Žluťoučký 🦙🏽 кінь\t\n\n  “日本語” \u200D"};
  for (const auto& name : test::shared_tokenizers()) {
    expect_texts_decode(name, texts);
  }
}

} // namespace
} // namespace parallm
