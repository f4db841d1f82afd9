#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parallm {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

std::string logged(log::Format format, const std::string& message) {
  log::set_up(log::Level::kInfo, format);
  testing::internal::CaptureStderr();
  log::info("{}", message);
  log::debug("not asked for");
  return testing::internal::GetCapturedStderr();
}

TEST(Log, AMessageStaysOneLine) {
  EXPECT_THAT(
      logged(log::Format::kText, "a\nb\x1b[0m \"c\" \xc3\xa9"),
      EndsWith(" a\\u000ab\\u001b[0m \"c\" \xc3\xa9\n"));
}

TEST(Log, AJsonLineIsJson) {
  EXPECT_THAT(
      logged(log::Format::kJson, "a \"b\" \\ \n"),
      HasSubstr(R"("level":"info","message":"a \"b\" \\ \u000a"})"));
}

} // namespace
} // namespace parallm
