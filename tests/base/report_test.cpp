#include "base/report.h"

#include <gtest/gtest.h>

namespace parallm {
namespace {

TEST(Report, ANameStandsOnceBeforeItsLines) {
  EXPECT_EQ(
      aligned(
          {{"weights", "bfloat16: lm_head"},
           {"weights", "mxfp4: layers 0-1"},
           {"room", "4"}},
          "# "),
      "# weights            bfloat16: lm_head\n"
      "#                    mxfp4: layers 0-1\n"
      "# room               4\n");
}

} // namespace
} // namespace parallm
