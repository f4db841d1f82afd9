#include "api/openai/logprobs.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <limits>

namespace parallm::openai {
namespace {

namespace json = boost::json;

std::shared_ptr<const Tokenizer> tokenizer() {
  static const auto loaded =
      Tokenizer::load(std::string(PARALLM_TEST_DATA) + "/tiny-chat");
  return loaded;
}

// As sentencepiece has it: the first blank of a text is dropped.
const Tokenizer& pieces() {
  static const auto loaded =
      Tokenizer::load(std::string(PARALLM_TEST_DATA) + "/tokenizers/pieces");
  return *loaded;
}

TokenDetail piece(std::string_view text, int text_bytes) {
  return {
      .id = *pieces().id_of(text),
      .text_bytes = text_bytes,
      .logprobs = TokenLogprobs{.logprob = -1, .rank = 1}};
}

std::vector<int64_t> offsets_of(const std::vector<LogprobEntry>& entries) {
  std::vector<int64_t> offsets;
  for (const auto& entry : entries) {
    offsets.push_back(entry.text_offset);
  }
  return offsets;
}

using Offsets = std::vector<int64_t>;

TokenId byte_token(unsigned char byte) {
  const std::string wanted(1, char(byte));
  for (TokenId id = 0; id < tokenizer()->vocab(); ++id) {
    if (tokenizer()->bytes(id) == wanted) {
      return id;
    }
  }
  return kNoToken;
}

TokenDetail detail(unsigned char byte, float logprob = -1) {
  return {
      .id = byte_token(byte),
      .text_bytes = 1,
      .logprobs = TokenLogprobs{.logprob = logprob, .rank = 1}};
}

TEST(CharacterCount, CountsACharacterOnceItIsWhole) {
  CharacterCount count;
  count.add("a\xe2");
  EXPECT_EQ(count.whole(), 1);
  count.add("\x82");
  EXPECT_EQ(count.whole(), 1);
  count.add("\xac");
  EXPECT_EQ(count.whole(), 2);
  count.add("\xe2z");
  EXPECT_EQ(count.whole(), 4); // a broken part and z
  count.add("\xf5");
  EXPECT_EQ(count.whole(), 5); // begins nothing
}

TEST(CharacterCount, KnowsWhatBreaksACharacter) {
  CharacterCount count;
  count.add("\xe2");
  EXPECT_EQ(count.before("\x82"), 0);
  EXPECT_EQ(count.before("a"), 1);
  EXPECT_EQ(count.before("\xe2"), 1);
  EXPECT_EQ(count.closed(), 1);
}

TEST(LogprobTrack, OffsetsCountCharactersAndNotBytes) {
  LogprobTrack track(*tokenizer());
  const std::vector<TokenDetail> tokens{
      detail('a'), detail(0xe2), detail(0x82), detail(0xac), detail('b')};
  const auto entries = track.add(
      tokens,
      "a\xe2\x82\xac"
      "b");
  ASSERT_EQ(entries.size(), 5u);
  EXPECT_EQ(entries[0].text_offset, 0);
  EXPECT_EQ(entries[1].text_offset, 1);
  EXPECT_EQ(entries[3].text_offset, 1);
  EXPECT_EQ(entries[4].text_offset, 2);
}

TEST(LogprobTrack, OffsetsFollowBrokenCharacters) {
  auto end = detail('x');
  end.text_bytes = 0;
  for (const unsigned char lead : {0xe2, 0xf5}) {
    LogprobTrack track(*tokenizer());
    const std::vector<TokenDetail> tokens{
        detail(lead), detail('a'), detail('a'), detail(lead), end};
    const auto entries = track.add(tokens, "\uFFFDaa\uFFFD");
    EXPECT_EQ(offsets_of(entries), (Offsets{0, 1, 2, 3, 4})) << int(lead);
  }
}

TEST(LogprobTrack, TokensWithoutTextStandWhereTheTextGoesOn) {
  LogprobTrack track(*tokenizer());
  auto silent = detail('x');
  silent.text_bytes = 0;
  const std::vector<TokenDetail> tokens{silent,       detail(0xe2), silent,
                                        detail(0x82), detail(0xac), silent,
                                        silent,       detail('b')};
  EXPECT_EQ(
      offsets_of(track.add(tokens, "€b")), (Offsets{0, 0, 0, 0, 0, 1, 1, 1}));
}

TEST(LogprobTrack, OffsetsLeaveOutWhatAStopStringCut) {
  LogprobTrack track(pieces());
  auto end = piece("a", 0);
  const std::vector<TokenDetail> tokens{
      piece("a", 1), piece("ing", 1), piece("nd", 0), end};
  EXPECT_EQ(offsets_of(track.add(tokens, "ai")), (Offsets{0, 1, 2, 2}));
}

TEST(LogprobTrack, DropsTheBlankThatTheTextDropped) {
  const std::vector<TokenDetail> fresh{piece("▁the", 3)};
  EXPECT_EQ(LogprobTrack(pieces()).add(fresh, "the")[0].bytes, "the");
  const std::vector<TokenDetail> continued{piece("▁the", 4)};
  EXPECT_EQ(LogprobTrack(pieces()).add(continued, " the")[0].bytes, " the");
  const std::vector<TokenDetail> cut{piece("▁the", 3)};
  EXPECT_EQ(LogprobTrack(pieces()).add(cut, " th")[0].bytes, " the");
}

// As in a stream whose text is held back for a stop string.
TEST(LogprobTrack, RemembersHowTheTextBegan) {
  LogprobTrack track(pieces());
  EXPECT_TRUE(track.add({}, " ").empty());
  const std::vector<TokenDetail> tokens{piece("▁the", 3), piece("a", 0)};
  const auto entries = track.add(tokens, "th");
  EXPECT_EQ(entries[0].bytes, " the");
  EXPECT_EQ(offsets_of(entries), (Offsets{0, 3}));
}

Offsets prompt_offsets(const Tokenizer& tokenizer, PromptSpec prompt) {
  LogprobTrack track(tokenizer);
  auto offsets = offsets_of(track.prompt(prompt, {}));
  // Where the answer begins.
  const std::vector<TokenDetail> next{
      {.id = *tokenizer.id_of("a"),
       .text_bytes = 1,
       .logprobs = TokenLogprobs{}}};
  offsets.push_back(track.add(next, "a")[0].text_offset);
  return offsets;
}

TEST(LogprobTrack, PlacesAPromptThatBeginsWithABlank) {
  for (const auto& [text, expected] :
       std::vector<std::pair<std::string, Offsets>>{
           {"the and", {0, 0, 3, 7}},     // <s> ▁the ▁and
           {" the and", {0, 0, 0, 4, 8}}, // <s> ▁ ▁the ▁and
           {"<s>the", {0, 3, 3, 6}}}) {   // <s> <s> ▁the
    const PromptSpec prompt{.ids = pieces().encode(text, {}), .text = text};
    EXPECT_EQ(prompt_offsets(pieces(), prompt), expected) << text;
  }
}

TEST(LogprobTrack, PlacesAPromptOfBrokenCharacters) {
  const std::vector<TokenId> ids{
      byte_token('a'), byte_token(0xe2), byte_token('b'), byte_token(0xe2)};
  const PromptSpec prompt{.ids = ids, .text = tokenizer()->decode(ids, true)};
  EXPECT_EQ(prompt_offsets(*tokenizer(), prompt), (Offsets{0, 1, 2, 3, 4}));
}

TEST(ChatLogprobs, LeaveOutTokensWithoutText) {
  LogprobTrack track(*tokenizer());
  auto silent = detail('b');
  silent.text_bytes = 0;
  const std::vector<TokenDetail> tokens{detail('a'), silent};
  std::string out;
  append_chat_logprobs(out, track.add(tokens, "a"), 0, *tokenizer());
  EXPECT_EQ(
      out, R"({"content":[{"token":"a","logprob":-1.0,"bytes":[97],)"
           R"("top_logprobs":[]}],"refusal":null})");
}

TEST(CompletionLogprobs, ListTheSampledTokenBesideTheBest) {
  LogprobTrack track(*tokenizer());
  auto token = detail('a', -3);
  token.logprobs->top = {{byte_token('b'), -0.5f}, {byte_token(0xff), -1.0f}};
  const std::vector<TokenDetail> tokens{token};
  std::string out;
  append_completion_logprobs(out, track.add(tokens, "a"), 2, *tokenizer());
  const auto table = json::parse(out);
  EXPECT_EQ(
      json::serialize(table.at("top_logprobs")),
      R"([{"a":-3E0,"b":-5E-1,"bytes:\\xff":-1E0}])");
  EXPECT_EQ(json::serialize(table.at("tokens")), R"(["a"])");
}

TEST(Logprobs, WriteMinusInfinityAsANumber) {
  EXPECT_EQ(shown_logprob(-std::numeric_limits<float>::infinity()), -9999.0f);
  EXPECT_EQ(shown_logprob(std::nanf("")), -9999.0f);
  EXPECT_EQ(shown_logprob(-0.25f), -0.25f);
}

TEST(PromptLogprobs, ListTheTokenAndTheBestWithTheirRanks) {
  const std::vector<TokenId> ids{0, byte_token('a')};
  const std::vector<TokenLogprobs> scores{
      {.logprob = -4,
       .rank = 9,
       .top = {{byte_token('b'), -0.5f}, {byte_token('c'), -1.0f}}}};
  std::string out;
  append_prompt_logprobs(out, ids, scores, 1, *tokenizer());
  const auto list = json::parse(out).as_array();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_TRUE(list[0].is_null());
  const auto& entry = list[1].as_object();
  EXPECT_EQ(entry.size(), 2u);
  const auto& taken = entry.at(std::to_string(byte_token('a')));
  EXPECT_EQ(taken.at("rank").as_int64(), 9);
  EXPECT_EQ(taken.at("decoded_token"), "a");
  EXPECT_EQ(entry.at(std::to_string(byte_token('b'))).at("rank").as_int64(), 1);
}

} // namespace
} // namespace parallm::openai
