#include "text/special_spellings.h"

#include <gtest/gtest.h>

namespace parallm {
namespace {

using Match = SpecialSpellings::Match;

SpecialSpellings spellings() {
  SpecialSpellings specials;
  specials.add("<s>", 1, SpecialSpellings::Takes::kNone);
  specials.add("<s>x", 2, SpecialSpellings::Takes::kRight);
  specials.add("[INST]", 3, SpecialSpellings::Takes::kLeft);
  return specials;
}

TEST(SpecialSpellings, FindsTheFirstAndThereTheLongest) {
  const auto specials = spellings();
  EXPECT_EQ(specials.find("a<s>b", 0), (Match{1, 4, 1}));
  EXPECT_EQ(specials.find("<<s>x[INST]", 0), (Match{1, 5, 2}));
  EXPECT_EQ(specials.find("<<s>x[INST]", 2), (Match{5, 11, 3}));
  EXPECT_EQ(specials.find("<s[INST", 0), std::nullopt);
}

TEST(SpecialSpellings, FindsTheOneThatEndsHere) {
  const auto specials = spellings();
  EXPECT_EQ(specials.before("a<s>xb", 4), (Match{1, 4, 1}));
  EXPECT_EQ(specials.before("a<s>xb", 5), (Match{1, 5, 2}));
  EXPECT_EQ(specials.before("a<s>xb", 6), std::nullopt);
}

TEST(SpecialSpellings, KnowsWhenATextMayBeCompleted) {
  const auto specials = spellings();
  EXPECT_TRUE(specials.may_continue("a <"));
  EXPECT_TRUE(specials.may_continue("<s>"));
  EXPECT_TRUE(specials.may_continue("x [INST"));
  EXPECT_FALSE(specials.may_continue("<s>x"));
  EXPECT_FALSE(specials.may_continue("a"));
  EXPECT_FALSE(specials.may_continue(""));
}

TEST(SpecialSpellings, RemembersTheWhiteSpaceThatTokensTake) {
  const auto specials = spellings();
  EXPECT_TRUE(specials.takes_right(2));
  EXPECT_FALSE(specials.takes_right(1));
  EXPECT_TRUE(specials.takes_left(3));
}

} // namespace
} // namespace parallm
