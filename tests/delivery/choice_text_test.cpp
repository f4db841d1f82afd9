#include "delivery/choice_text.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/delivery/fixture.h"

namespace parallm {
namespace {

// The whole answer at once, the slow way.
struct Naive {
  std::string text;
  int stop = -1;
  size_t tokens = 0; // taken before the choice ended
};

// The earliest end of any stop string in `text`; ties: the longest.
Naive cut(const std::string& text, size_t from, const TextRules& rules) {
  for (size_t end = from + 1; end <= text.size(); ++end) {
    int best = -1;
    for (size_t i = 0; i < rules.stop_strings.size(); ++i) {
      const std::string& stop = rules.stop_strings[i];
      const bool ends = end >= stop.size() &&
                        text.compare(end - stop.size(), stop.size(), stop) == 0;
      if (ends && (best < 0 || stop.size() > rules.stop_strings[best].size())) {
        best = static_cast<int>(i);
      }
    }
    if (best >= 0) {
      const size_t kept =
          rules.include_stop_string ? 0 : rules.stop_strings[best].size();
      return {text.substr(0, end - kept), best, 0};
    }
  }
  return {text, -1, 0};
}

// One byte per token, so that token k ends at byte k.
Naive naive(const std::string& text, const TextRules& rules) {
  const size_t unsearched =
      rules.min_tokens > 0 ? static_cast<size_t>(rules.min_tokens - 1) : 0;
  if (unsearched >= text.size()) {
    return {text, -1, text.size()};
  }
  Naive found = cut(text, unsearched, rules);
  found.tokens = text.size();
  if (found.stop >= 0) {
    found.tokens =
        found.text.size() +
        (rules.include_stop_string ? 0 : rules.stop_strings[found.stop].size());
  }
  return found;
}

struct Answer {
  std::string text;
  int stop = -1;
  size_t tokens = 0;
  TextDelta all; // counts and details
};

Answer run(const std::vector<TokenId>& tokens, const TextRules& rules) {
  ChoiceText choice(*tiny_tokenizer(), rules);
  Answer answer;
  for (const TokenId token : tokens) {
    ++answer.tokens;
    answer.stop = choice.push(token, std::nullopt, answer.text);
    choice.settle(answer.all);
    size_t detailed = 0;
    for (const auto& detail : answer.all.tokens) {
      detailed += static_cast<size_t>(detail.text_bytes);
    }
    EXPECT_LE(detailed, answer.text.size()) << "details run ahead of the text";
    if (answer.stop >= 0) {
      break;
    }
  }
  if (answer.stop < 0) {
    answer.stop = choice.finish(answer.text);
  }
  choice.settle_rest(answer.all);
  return answer;
}

TEST(ChoiceText, FindsStopStringsAcrossTokensAsANaiveSearchDoes) {
  std::mt19937 random(1);
  int stopped = 0;
  for (int round = 0; round < 3000; ++round) {
    TextRules rules{.token_details = true};
    rules.include_stop_string = random() % 2 == 0;
    rules.min_tokens = random() % 2 ? 0 : static_cast<int>(random() % 12);
    for (size_t i = 0, n = 1 + random() % 3; i < n; ++i) {
      std::string stop;
      for (size_t j = 0, m = 1 + random() % 4; j < m; ++j) {
        stop += static_cast<char>('a' + random() % 2);
      }
      rules.stop_strings.push_back(stop);
    }
    std::string text;
    for (size_t i = 0, n = random() % 24; i < n; ++i) {
      text += static_cast<char>('a' + random() % 3);
    }
    const Naive expected = naive(text, rules);
    const Answer answer = run(byte_tokens(text), rules);
    ASSERT_EQ(answer.text, expected.text) << text;
    ASSERT_EQ(answer.stop < 0, expected.stop < 0);
    if (answer.stop >= 0) {
      ++stopped;
      ASSERT_EQ(
          rules.stop_strings[answer.stop], rules.stop_strings[expected.stop]);
    }
    ASSERT_EQ(answer.tokens, expected.tokens);
    ASSERT_EQ(answer.all.sampled_tokens, static_cast<int>(expected.tokens));
    ASSERT_EQ(answer.all.tokens.size(), expected.tokens);
  }
  EXPECT_GT(stopped, 500);
}

TEST(ChoiceText, DetailsAddUpToTheTextByteForByte) {
  std::mt19937 random(2);
  const std::vector<std::string> letters = {"a", "é", "€", "😀", "b"};
  for (int round = 0; round < 2000; ++round) {
    TextRules rules{.token_details = true};
    if (round % 2 == 0) {
      rules.stop_strings = {letters[random() % 5] + letters[random() % 5]};
    }
    std::string text;
    for (size_t i = 0, n = random() % 12; i < n; ++i) {
      text += letters[random() % 5];
    }
    const Answer answer = run(byte_tokens(text), rules);
    std::string spelled;
    for (const TokenDetail& detail : answer.all.tokens) {
      spelled += tiny_tokenizer()->bytes(detail.id).substr(
          0, static_cast<size_t>(detail.text_bytes));
    }
    ASSERT_EQ(spelled, answer.text);
    ASSERT_EQ(answer.all.tokens.size(), answer.tokens);
  }
}

TEST(ChoiceText, ATokenCutByAStopStringKeepsTheBytesBeforeTheCut) {
  // "idg" is one token of the tiny model.
  const auto tokenizer = tiny_tokenizer();
  TokenId idg = kNoToken;
  for (TokenId id = 0; id < tokenizer->vocab(); ++id) {
    idg = tokenizer->bytes(id) == "idg" ? id : idg;
  }
  ASSERT_NE(idg, kNoToken);
  TextRules rules{.stop_strings = {"dge"}, .token_details = true};
  const Answer answer = run({byte_token('r'), idg, byte_token('e')}, rules);
  EXPECT_EQ(answer.text, "ri");
  ASSERT_EQ(answer.all.tokens.size(), 3u);
  EXPECT_EQ(answer.all.tokens[0].text_bytes, 1);
  EXPECT_EQ(answer.all.tokens[1].text_bytes, 1);
  EXPECT_EQ(answer.all.tokens[2].text_bytes, 0);
}

TEST(ChoiceText, DetailsOfATokenTravelWithItsText) {
  const TextRules rules{.stop_strings = {"xyz"}, .token_details = true};
  ChoiceText choice(*tiny_tokenizer(), rules);
  std::string text;
  TextDelta delta;
  for (const char c : std::string("axy")) {
    choice.push(byte_token(c), std::nullopt, text);
    choice.settle(delta);
  }
  EXPECT_EQ(text, "a");
  EXPECT_EQ(delta.tokens.size(), 1u);
  EXPECT_EQ(delta.sampled_tokens, 3);
  choice.push(byte_token('b'), std::nullopt, text);
  choice.settle(delta);
  EXPECT_EQ(text, "axyb");
  EXPECT_EQ(delta.tokens.size(), 4u);
}

TEST(ChoiceText, BytesThatNeverCompleteAreShownAsReplacementAtTheEnd) {
  const Answer answer = run(byte_tokens("a\xE2\x82"), {.token_details = true});
  EXPECT_EQ(answer.text, "a\xEF\xBF\xBD");
  ASSERT_EQ(answer.all.tokens.size(), 3u);
  EXPECT_EQ(answer.all.tokens[2].text_bytes, 1);
}

TEST(ChoiceText, TokensAfterBrokenBytesStillHaveTheirDetails) {
  TextRules rules{.token_details = true};
  ChoiceText choice(*tiny_tokenizer(), rules);
  std::string text;
  TextDelta delta;
  for (const TokenId token : byte_tokens("\xFFz\xC3z\x80z")) {
    choice.push(token, std::nullopt, text);
    choice.settle(delta);
  }
  EXPECT_EQ(text, "\xEF\xBF\xBDz\xEF\xBF\xBDz\xEF\xBF\xBDz");
  EXPECT_EQ(delta.tokens.size(), 6u); // none is held back for good
}

TEST(ChoiceText, ACutAfterBrokenBytesHitsTheRightToken) {
  const TextRules rules{.stop_strings = {"b"}, .token_details = true};
  const Answer answer =
      run(byte_tokens("\xFF"
                      "ab"),
          rules);
  EXPECT_EQ(
      answer.text,
      "\xEF\xBF\xBD"
      "a");
  ASSERT_EQ(answer.all.tokens.size(), 3u);
  EXPECT_EQ(answer.all.tokens[1].text_bytes, 1);
  EXPECT_EQ(answer.all.tokens[2].text_bytes, 0);
}

TEST(ChoiceText, SilentTokensAreCountedAndGiveNoText) {
  TextRules rules{.skip_special_tokens = false, .token_details = true};
  ChoiceText choice(*tiny_tokenizer(), rules);
  std::string text;
  TextDelta delta;
  choice.push(byte_token('a'), std::nullopt, text);
  choice.push_silent(byte_token('b'), std::nullopt);
  choice.settle_rest(delta);
  EXPECT_EQ(text, "a");
  EXPECT_EQ(delta.sampled_tokens, 2);
  ASSERT_EQ(delta.tokens.size(), 2u);
  EXPECT_EQ(delta.tokens[1].text_bytes, 0);
}

} // namespace
} // namespace parallm
