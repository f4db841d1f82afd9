#include "api/json.h"

#include <gtest/gtest.h>

#include <string>

#include "api/json_writer.h"
#include "api/utf8.h"

namespace parallm {
namespace {

std::string code_of(std::string_view text) {
  auto value = parse_json(text);
  return value ? "" : value.error().code;
}

std::string nested(int levels) {
  return std::string(levels, '[') + std::string(levels, ']');
}

TEST(ParseJson, TakesOrdinaryBodies) {
  const auto value = parse_json(R"({"a":[1,-2,3.5,true,null,"x\u0000y"]})");
  ASSERT_TRUE(value);
  const auto& items = value.value().at("a").as_array();
  EXPECT_EQ(items[0].as_int64(), 1);
  EXPECT_EQ(items[1].as_int64(), -2);
  EXPECT_EQ(items[2].as_double(), 3.5);
  EXPECT_EQ(items[5].as_string(), std::string("x\0y", 3));
}

TEST(ParseJson, RefusesWhatIsNotJson) {
  for (const auto* text :
       {"", "{", "{\"a\":}", "[1,]", "NaN", "{\"a\":NaN}", "[Infinity]",
        "[-Infinity]", "'a'", "{} {}", "[1] x", "// c\n1", "[01]", "[+1]",
        "\xef\xbb\xbf{}", "[\"\x01\"]"}) {
    EXPECT_EQ(code_of(text), "invalid_json") << text;
  }
}

TEST(ParseJson, RefusesBytesThatAreNotUtf8) {
  for (const auto* text :
       {"\"\xff\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"",
        "\"\xe2\x82\"", "{\"\x80\":1}", "\xfe"}) {
    EXPECT_EQ(code_of(text), "invalid_utf8") << text;
  }
}

TEST(ParseJson, RefusesUnpairedSurrogates) {
  EXPECT_EQ(code_of(R"("\ud800")"), "invalid_utf8");
  EXPECT_EQ(code_of(R"("\ud800x")"), "invalid_utf8");
  EXPECT_EQ(code_of(R"("\udc00")"), "invalid_utf8");
  EXPECT_EQ(code_of(R"("\ud800\ud800")"), "invalid_utf8");
  EXPECT_EQ(code_of(R"("\ud83d\ude00")"), "");
}

TEST(ParseJson, CountsLevelsOfNesting) {
  EXPECT_EQ(code_of(nested(128)), "");
  EXPECT_EQ(code_of(nested(129)), "json_too_deep");
  EXPECT_EQ(code_of(std::string(1'000'000, '[')), "json_too_deep");
}

TEST(ParseJson, NamesTheRepeatedKey) {
  const auto value =
      parse_json(R"({"m":[{"x":1},{"x":1,"y":{"k":1,"z":2,"k":3}}]})");
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().code, "duplicate_key");
  EXPECT_EQ(value.error().param, "m[1].y.k");
}

TEST(ParseJson, KnowsARepeatedKeyHoweverItIsSpelled) {
  EXPECT_EQ(code_of(R"({"ab":1,"\u0061b":2})"), "duplicate_key");
  EXPECT_EQ(code_of(R"({"a":{"a":1}})"), "");
}

TEST(ParseJson, CutsLongKeysInMessages) {
  const std::string key(100'000, 'k');
  const auto value = parse_json("{\"" + key + "\":1,\"" + key + "\":2}");
  ASSERT_FALSE(value);
  EXPECT_LT(value.error().message.size(), 300u);
}

TEST(ParseJson, WantsAnObjectForABody) {
  EXPECT_TRUE(parse_object("{}"));
  EXPECT_EQ(parse_object("[]").error().code, "invalid_type");
}

TEST(Utf8, CountsCharactersAndBrokenParts) {
  EXPECT_EQ(code_points(""), 0u);
  EXPECT_EQ(code_points("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"), 4u);
  EXPECT_EQ(
      code_points("\xe2\x82"
                  "a"),
      2u);
  EXPECT_EQ(lossy_utf8("x\xe2\x82y\x80"), "x\xef\xbf\xbdy\xef\xbf\xbd");
}

TEST(JsonWriter, EscapesWhatJsonWants) {
  std::string all;
  for (int byte = 0; byte < 128; ++byte) {
    all += char(byte);
  }
  all += "\xe2\x82\xac";
  std::string out;
  append_quoted(out, all);
  const auto back = parse_json(out);
  ASSERT_TRUE(back);
  EXPECT_EQ(std::string_view(back.value().as_string()), all);
}

TEST(JsonWriter, PlacesCommas) {
  std::string out;
  JsonWriter json(out);
  json.object().key("a").array().integer(1).integer(2).array().end_array();
  json.end_array().key("b").object().end_object().key("c").null();
  json.key("d").number(-9999.0f).end_object();
  EXPECT_EQ(out, R"({"a":[1,2,[]],"b":{},"c":null,"d":-9999.0})");
}

TEST(JsonWriter, WritesFloatsShortAndExact) {
  std::string out;
  append_number(out, -0.1f);
  EXPECT_EQ(out, "-0.1");
}

} // namespace
} // namespace parallm
