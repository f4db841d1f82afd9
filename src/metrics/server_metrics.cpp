#include "metrics/server_metrics.h"

namespace parallm {

std::vector<double> first_token_bounds() {
  return {0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75,
          1,     2.5,   5,    7.5,  10,   20,   40,   80,  160,  640, 2560};
}

std::vector<double> token_gap_bounds() {
  return {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075,
          0.1,    0.15,  0.2,    0.3,   0.4,  0.5,   0.75, 1,
          2.5,    5,     7.5,    10,    20,   40,    80};
}

std::vector<double> request_bounds() {
  return {0.005, 0.01, 0.025, 0.05, 0.1, 0.3, 0.5,  0.8, 1,
          1.5,   2,    2.5,   5,    10,  15,  20,   30,  40,
          50,    60,   120,   240,  480, 960, 1920, 7680};
}

std::vector<double> step_bounds() {
  return {0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
          0.05,    0.1,    0.25,    0.5,    1,     2.5,    5,     10};
}

std::vector<double> row_bounds() {
  return {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048};
}

void ServerMetrics::count_response(std::string_view route, int status) {
  responses_.with({std::string(route), std::to_string(status)}).add();
}

void ServerMetrics::device_memory(std::string_view kind, double bytes) {
  device_memory_.with({std::string(kind)}).set(bytes);
}

void ServerMetrics::weight_version(std::string_view version) {
  weight_version_.with({std::string(version)}).set(1);
}

std::string ServerMetrics::render(const EngineFigures& engine) {
  running_.set(engine.running);
  waiting_.set(engine.waiting);
  const double total = engine.total_blocks;
  cache_usage_.set(total > 0 ? engine.used_blocks / total : 0);
  prefix_queries_.set(engine.prefix_queries);
  prefix_hits_.set(engine.prefix_hits);
  prefix_misses_.with({"absent"}).set(engine.prefix_misses_absent);
  prefix_misses_.with({"tail"}).set(engine.prefix_misses_tail);
  prefix_misses_.with({"scored"}).set(engine.prefix_misses_scored);
  preemptions_.set(engine.preemptions);
  failed_steps_.set(engine.failed_steps);
  prompt_tokens_.set(engine.prompt_tokens);
  generation_tokens_.set(engine.generated_tokens);
  return registry_.render();
}

} // namespace parallm
