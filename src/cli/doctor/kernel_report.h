#pragma once

#include <vector>

#include "base/report.h"
#include "kernels/self_test.h"

// Plain values and functions without state: any thread.
namespace parallm {

// One line a kernel, whose results follow each other: the sets whose code is
// right, and whose code runs with the set in use; and one more for each set
// with which it is wrong.
std::vector<ReportLine> kernel_report(
    const std::vector<SelfTestResult>& results, InstructionSet in_use);

// 0, or kExitInternal if any is wrong, whatever set is in use.
int exit_code_of(const std::vector<SelfTestResult>& results);

} // namespace parallm
