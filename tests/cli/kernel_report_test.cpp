#include "cli/doctor/kernel_report.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/check.h"

namespace parallm {
namespace {

using Set = InstructionSet;
using Results = std::vector<SelfTestResult>;

SelfTestResult result(Set set, Set code, double error = 0) {
  return {
      .kernel = "rope",
      .set = set,
      .code = code,
      .error = error,
      .allowed = 1e-5};
}

// What is said of the kernel, a line each.
std::string report(const Results& results, Set in_use) {
  std::string text;
  for (const ReportLine& line : kernel_report(results, in_use)) {
    text += line.name + ": " + line.text + "\n";
  }
  return text;
}

TEST(KernelReport, NamesTheSetsThatAreRightAndTheCodeInUse) {
  const Results results = {
      result(Set::kBaseline, Set::kBaseline), result(Set::kAvx2, Set::kAvx2),
      result(Set::kAvx512, Set::kAvx2, 1e-5)};
  EXPECT_EQ(
      report(results, Set::kAvx512),
      "rope: ok with baseline, avx2; in use: avx2\n");
  EXPECT_EQ(exit_code_of(results), 0);
}

TEST(KernelReport, TellsOfASetThatIsWrongAndNotInUse) {
  const Results results = {
      result(Set::kBaseline, Set::kBaseline),
      result(Set::kAvx2, Set::kAvx2, 0.25), result(Set::kAvx512, Set::kAvx512)};
  EXPECT_EQ(
      report(results, Set::kAvx512),
      "rope: ok with baseline, avx512; in use: avx512\n"
      "rope: WRONG with avx2: off by 2.5e-01, 1e-05 allowed\n");
  EXPECT_EQ(exit_code_of(results), kExitInternal);
}

TEST(KernelReport, TellsThatTheCodeInUseIsWrong) {
  const double infinite = std::numeric_limits<double>::infinity();
  const Results results = {result(Set::kBaseline, Set::kBaseline, infinite)};
  EXPECT_EQ(
      report(results, Set::kBaseline),
      "rope: ok with none; in use: baseline, WRONG\n"
      "rope: WRONG with baseline: off by inf, 1e-05 allowed\n");
  EXPECT_EQ(exit_code_of(results), kExitInternal);
}

TEST(KernelReport, HasALineForEachKernel) {
  Results results = {
      result(Set::kBaseline, Set::kBaseline), result(Set::kAvx2, Set::kAvx2, 1),
      result(Set::kBaseline, Set::kBaseline), result(Set::kAvx2, Set::kAvx2)};
  results[2].kernel = results[3].kernel = "swiglu";
  EXPECT_EQ(
      report(results, Set::kBaseline),
      "rope: ok with baseline; in use: baseline\n"
      "rope: WRONG with avx2: off by 1.0e+00, 1e-05 allowed\n"
      "swiglu: ok with baseline, avx2; in use: baseline\n");
  EXPECT_EQ(exit_code_of(results), kExitInternal);
}

} // namespace
} // namespace parallm
