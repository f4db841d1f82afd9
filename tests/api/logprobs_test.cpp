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

TEST(LogprobTrack, DropsTheBlankThatTheTextDropped) {
  LogprobTrack track(*tokenizer());
  const std::vector<TokenDetail> first{detail(' ')};
  EXPECT_EQ(track.add(first, " ")[0].bytes, " ");
  LogprobTrack other(*tokenizer());
  EXPECT_EQ(other.add(first, "x")[0].bytes, "");
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
