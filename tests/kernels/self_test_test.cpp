#include "kernels/self_test.h"

#include <gtest/gtest.h>

#include <limits>
#include <map>

namespace parallm {
namespace {

TEST(SelfTest, PassesHereForEachKernelWithEachSet) {
  const auto before = instruction_set();
  std::map<std::string, std::vector<InstructionSet>> seen;
  for (const SelfTestResult& result : run_self_tests()) {
    seen[result.kernel].push_back(result.set);
    EXPECT_TRUE(result.passed())
        << result.kernel << " " << name_of(result.set) << " " << result.error;
  }
  EXPECT_GE(seen.size(), 19u);
  for (const auto& [kernel, sets] : seen) {
    EXPECT_EQ(sets, host_instruction_sets()) << kernel;
  }
  EXPECT_EQ(instruction_set(), before);
}

TEST(SelfTest, NamesTheCodeThatRuns) {
  std::map<std::string, InstructionSet> code;
  for (const SelfTestResult& result : run_self_tests()) {
    code[result.kernel] = result.code;
    EXPECT_LE(result.code, result.set) << result.kernel;
  }
  const InstructionSet best = host_instruction_sets().back();
  EXPECT_EQ(code["rms norm"], vector_set(best));
  EXPECT_EQ(code["bf16 attention"], bfloat16_set(best));
  EXPECT_EQ(code["bf16 product"], bfloat16_set(best));
  if (best == InstructionSet::kAvx512Bf16) {
    EXPECT_EQ(code["int8 product"], InstructionSet::kAvx512Vnni);
  } else {
    EXPECT_EQ(code["int8 product"], best);
  }
}

TEST(SelfTest, FailsBeyondWhatIsAllowed) {
  EXPECT_TRUE((SelfTestResult{.error = 0, .allowed = 0}.passed()));
  EXPECT_FALSE((SelfTestResult{.error = 2e-5, .allowed = 1e-5}.passed()));
  EXPECT_FALSE((SelfTestResult{
      .error = std::numeric_limits<double>::infinity(), .allowed = 1}
                    .passed()));
}

} // namespace
} // namespace parallm
