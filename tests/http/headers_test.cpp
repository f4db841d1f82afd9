#include "http/headers.h"

#include <gtest/gtest.h>

namespace parallm::http {
namespace {

TEST(Headers, AValueIsTheFirstOfItsName) {
  const Headers headers{{"a", "1"}, {"b", ""}, {"a", "2"}};
  EXPECT_EQ(header_value(headers, "a"), "1");
  EXPECT_EQ(header_value(headers, "b"), "");
  EXPECT_EQ(header_value(headers, "c"), "");
}

TEST(Headers, AnEmptyHeaderIsNotAMissingOne) {
  const Headers headers{{"b", ""}};
  ASSERT_NE(find_header(headers, "b"), nullptr);
  EXPECT_EQ(*find_header(headers, "b"), "");
  EXPECT_EQ(find_header(headers, "c"), nullptr);
}

TEST(Headers, LowerCaseIsOfAsciiLettersOnly) {
  EXPECT_EQ(to_lower("AZaz@[`{09-_"), "azaz@[`{09-_");
  EXPECT_EQ(to_lower("\xc3\x84\xff"), "\xc3\x84\xff");
}

} // namespace
} // namespace parallm::http
