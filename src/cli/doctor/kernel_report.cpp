#include "cli/doctor/kernel_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>

#include "base/check.h"

namespace parallm {

namespace {

using Results = std::span<const SelfTestResult>;

std::string complaint(const SelfTestResult& result) {
  return fmt::format(
      "WRONG with {}: off by {:.1e}, {:.0e} allowed", name_of(result.set),
      result.error, result.allowed);
}

std::string right_sets(Results of_kernel) {
  std::vector<std::string> right;
  for (const SelfTestResult& result : of_kernel) {
    if (result.passed() && result.code == result.set) {
      right.emplace_back(name_of(result.code));
    }
  }
  return right.empty() ? "none" : fmt::format("{}", fmt::join(right, ", "));
}

std::string code_in_use(Results of_kernel, InstructionSet set) {
  const auto result = std::ranges::find(of_kernel, set, &SelfTestResult::set);
  PARALLM_CHECK(result != of_kernel.end(), "no result with {}", name_of(set));
  return fmt::format(
      "{}{}", name_of(result->code), result->passed() ? "" : ", WRONG");
}

// The results at the start that are of one kernel.
Results first_kernel(Results results) {
  const auto end = std::ranges::find_if(results, [&](const auto& result) {
    return result.kernel != results.front().kernel;
  });
  return {results.begin(), end};
}

} // namespace

std::vector<ReportLine> kernel_report(
    const std::vector<SelfTestResult>& results, InstructionSet in_use) {
  std::vector<ReportLine> lines;
  for (Results left = results; !left.empty();) {
    const Results of_kernel = first_kernel(left);
    lines.push_back(
        {of_kernel[0].kernel,
         fmt::format(
             "ok with {}; in use: {}", right_sets(of_kernel),
             code_in_use(of_kernel, in_use))});
    for (const SelfTestResult& result : of_kernel) {
      if (!result.passed()) {
        lines.push_back({result.kernel, complaint(result)});
      }
    }
    left = left.subspan(of_kernel.size());
  }
  return lines;
}

int exit_code_of(const std::vector<SelfTestResult>& results) {
  return std::ranges::all_of(results, &SelfTestResult::passed) ? 0
                                                               : kExitInternal;
}

} // namespace parallm
