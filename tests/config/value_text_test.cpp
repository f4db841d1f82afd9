#include "config/value_text.h"

#include <gtest/gtest.h>

namespace parallm {
namespace {

TEST(Bytes, TakeUnitsOf1024) {
  EXPECT_EQ(parse_bytes("0"), 0u);
  EXPECT_EQ(parse_bytes("1000"), 1000u);
  EXPECT_EQ(parse_bytes("1K"), 1024u);
  EXPECT_EQ(parse_bytes("1k"), 1024u);
  EXPECT_EQ(parse_bytes("3M"), 3u << 20);
  EXPECT_EQ(parse_bytes("1G"), uint64_t(1) << 30);
  EXPECT_EQ(parse_bytes("1.5G"), uint64_t(3) << 29);
  EXPECT_EQ(parse_bytes("0.5K"), 512u);
}

TEST(Bytes, RefuseEverythingElse) {
  for (const char* text :
       {"", "K", "-1", "-1K", "1T", "1KB", "1 K", "1.5", "0.3K", "1e30G",
        "nanK", "0x10", "9223372036854775808", "K1"}) {
    EXPECT_FALSE(parse_bytes(text)) << text;
  }
}

TEST(Bytes, AreWrittenAsTheyAreRead) {
  for (uint64_t bytes :
       {uint64_t(0), uint64_t(1), uint64_t(1023), uint64_t(1024),
        uint64_t(1025), uint64_t(3) << 29, uint64_t(7) << 40}) {
    EXPECT_EQ(parse_bytes(bytes_text(bytes)), bytes);
  }
  EXPECT_EQ(bytes_text(uint64_t(32) << 20), "32M");
}

TEST(Integers, AreWholeTexts) {
  EXPECT_EQ(parse_integer("-5"), -5);
  for (const char* text :
       {"", "5x", " 5", "5 ", "1.0", "+", "1e3", "99999999999999999999"}) {
    EXPECT_FALSE(parse_integer(text)) << text;
  }
}

TEST(Numbers, AreDecimalAndFinite) {
  EXPECT_EQ(parse_number("0.85"), 0.85);
  EXPECT_EQ(parse_number("1e3"), 1000);
  for (const char* text :
       {"", "nan", "inf", "0x1p3", "1e999", "1,5", "1 ", "--1", "."}) {
    EXPECT_FALSE(parse_number(text)) << text;
  }
  EXPECT_EQ(number_text(0.85), "0.85");
  EXPECT_EQ(number_text(10), "10");
}

TEST(Switches, KnowFourWords) {
  EXPECT_EQ(parse_switch("on"), true);
  EXPECT_EQ(parse_switch("true"), true);
  EXPECT_EQ(parse_switch("off"), false);
  EXPECT_EQ(parse_switch("false"), false);
  EXPECT_FALSE(parse_switch("1"));
  EXPECT_FALSE(parse_switch("yes"));
}

} // namespace
} // namespace parallm
