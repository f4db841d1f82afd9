
#include <cstdlib>

#include "base/log.h"
#include "tests/engine/simulation.h"

namespace parallm {
namespace {

// More with PARALLM_SIM_TRACES=100000; another start with PARALLM_SIM_SEED.
int from_environment(const char* name, int otherwise) {
  const char* value = std::getenv(name);
  return value ? std::atoi(value) : otherwise;
}

TEST(Simulator, KeepsEveryRuleAndEveryAnswerOverRandomTraces) {
  log::silence(); // failed steps are meant here
  const int traces = from_environment("PARALLM_SIM_TRACES", 1500);
  const int first = from_environment("PARALLM_SIM_SEED", 1);
  uint64_t preemptions = 0;
  uint64_t prefix_hits = 0;
  uint64_t failed_steps = 0;
  uint64_t steps = 0;
  for (int seed = first; seed < first + traces; ++seed) {
    SCOPED_TRACE(
        "PARALLM_SIM_TRACES=1 PARALLM_SIM_SEED=" + std::to_string(seed));
    Simulation simulation{uint64_t(seed)};
    simulation.run();
    if (HasFailure()) {
      return;
    }
    preemptions += simulation.preemptions();
    prefix_hits += simulation.prefix_hits();
    failed_steps += simulation.failed_steps();
    steps += simulation.steps();
  }
  RecordProperty("steps", std::to_string(steps));
  RecordProperty("preemptions", std::to_string(preemptions));
  RecordProperty("prefix_hits", std::to_string(prefix_hits));
  RecordProperty("failed_steps", std::to_string(failed_steps));
  if (traces >= 1000) { // the traces do meet what they are there for
    EXPECT_GT(preemptions, 100u);
    EXPECT_GT(prefix_hits, 1000u);
    EXPECT_GT(failed_steps, 100u);
  }
  log::speak();
}

} // namespace
} // namespace parallm
