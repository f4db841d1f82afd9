#include "text/utf8_stream.h"

#include <gtest/gtest.h>

#include <random>

namespace parallm {
namespace {

const std::string kBad = "\xEF\xBF\xBD";

std::string all_at_once(std::string_view bytes) {
  Utf8Stream stream;
  std::string text;
  stream.push(bytes, text);
  stream.finish(text);
  return text;
}

TEST(Utf8Stream, HoldsACharacterBackUntilItIsWhole) {
  Utf8Stream stream;
  std::string text;
  stream.push("a\xF0\x9F", text);
  EXPECT_EQ(text, "a");
  stream.push("\xA6", text);
  EXPECT_EQ(text, "a");
  stream.push("\x99!", text);
  EXPECT_EQ(text, "a\xF0\x9F\xA6\x99!");
}

// Unicode 15, section 3.9, tables 3-8 to 3-11, and the edges of table 3-7.
TEST(Utf8Stream, ReplacesEachBrokenBeginningOnce) {
  const std::pair<std::string, std::string> cases[] = {
      {"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41",
       kBad + kBad + kBad + kBad + kBad + kBad + kBad + kBad + "A"},
      {"\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41",
       kBad + kBad + kBad + kBad + kBad + kBad + kBad + kBad + "A"},
      {"\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42",
       kBad + kBad + kBad + kBad + kBad + "A" + kBad + kBad + "B"},
      {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", kBad + kBad + kBad + kBad + "A"},
      {"\xF4\x8F\xBF\xBF", "\xF4\x8F\xBF\xBF"},
      {"\xED\x9F\xBF\xEE\x80\x80", "\xED\x9F\xBF\xEE\x80\x80"},
      {"\xC2\x80\xE0\xA0\x80", "\xC2\x80\xE0\xA0\x80"},
      {std::string("\0\x7F", 2), std::string("\0\x7F", 2)},
      {"\xE2\x82", kBad},
  };
  for (const auto& [bytes, want] : cases) {
    EXPECT_EQ(all_at_once(bytes), want);
  }
}

TEST(Utf8Stream, DoesNotDependOnTheSplit) {
  std::mt19937 random(3);
  const std::string alphabet = "a\x80\xBF\xC3\xE2\x82\xAC\xF0\x9F\x99\xED\xF4";
  for (int round = 0; round < 20'000; ++round) {
    Utf8Stream stream;
    std::string bytes;
    std::string text;
    for (int piece = 0; piece < 6; ++piece) {
      std::string part;
      for (uint32_t left = random() % 4; left > 0; --left) {
        part += alphabet[random() % alphabet.size()];
      }
      stream.push(part, text);
      bytes += part;
    }
    stream.finish(text);
    ASSERT_EQ(text, all_at_once(bytes));
    ASSERT_EQ(text, all_at_once(text)) << "not UTF-8";
  }
}

} // namespace
} // namespace parallm
