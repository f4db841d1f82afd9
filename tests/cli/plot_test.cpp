#include "cli/bench/plot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parallm::bench {
namespace {

using testing::HasSubstr;
using testing::Not;

LoadPoint point(int concurrency, double output_tok_s) {
  return {
      .concurrency = concurrency,
      .output_tok_s = output_tok_s,
      .ttft_ms = Spread{20, 30},
      .itl_ms = Spread{2, 3}};
}

TEST(Plot, AxesEndAtRoundNumbersBeyondTheFigures) {
  const std::string svg = plot_of({point(1, 26), point(8, 87)}, "model");
  EXPECT_THAT(svg, HasSubstr(">100</text>"));
  EXPECT_THAT(svg, HasSubstr(">20</text>")); // a fifth of it
  EXPECT_THAT(svg, HasSubstr(">1</text>"));  // a decade below 2 ms
  EXPECT_THAT(svg, Not(HasSubstr(">1000</text>")));
}

TEST(Plot, EqualFactorsOfConcurrencyAreEqualSteps) {
  const std::string svg =
      plot_of({point(1, 100), point(4, 100), point(16, 100)}, "model");
  EXPECT_THAT(svg, HasSubstr("points=\"70.0,60.0 270.0,60.0 470.0,60.0 \""));
}

TEST(Plot, LeavesOutWhatIsNotKnown) {
  LoadPoint unknown = point(2, 50);
  unknown.ttft_ms = unknown.itl_ms = std::nullopt;
  const std::string svg = plot_of({point(1, 100), unknown}, "model");
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg, Not(HasSubstr("inf")));
}

TEST(Plot, OfFailuresAloneIsEmptyButWhole) {
  const std::string svg = plot_of({LoadPoint{.concurrency = 1}}, "model");
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
}

TEST(Plot, NamesOfModelsAreText) {
  EXPECT_THAT(
      plot_of({point(1, 1)}, "a<b>&\n"), HasSubstr(">a&lt;b>&amp; </text>"));
}

} // namespace
} // namespace parallm::bench
