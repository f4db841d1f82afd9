#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace parallm {
namespace {

struct Refused {
  std::string why{};
};

TEST(Result, HoldsEitherAValueOrAReason) {
  Result<int, Refused> good(7);
  ASSERT_TRUE(good);
  EXPECT_EQ(good.value(), 7);
  const Result<int, Refused> bad(Refused{"full"});
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().why, "full");
}

TEST(Result, GivesAwayWhatItOwns) {
  Result<std::unique_ptr<int>, Refused> result(std::make_unique<int>(3));
  const std::unique_ptr<int> taken = std::move(result).value();
  EXPECT_EQ(*taken, 3);
}

TEST(Result, MayHoldAValueAndAReasonOfOneType) {
  const Result<std::string, Refused> text(std::string("a"));
  EXPECT_EQ(text.value(), "a");
  EXPECT_ANY_THROW((void)text.error());
}

} // namespace
} // namespace parallm
