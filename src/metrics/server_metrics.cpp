#include "metrics/server_metrics.h"

namespace parallm {

namespace {

// Seconds. Those of vLLM's dashboards, and finer ones below for small models.
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

} // namespace

ServerMetrics::ServerMetrics(std::string prefix)
    : registry_(std::move(prefix)),
      running_(registry_.gauge(
          "num_requests_running", "Sequences in the running batch.")),
      waiting_(registry_.gauge(
          "num_requests_waiting", "Sequences waiting to be scheduled.")),
      cache_usage_(registry_.gauge(
          "kv_cache_usage_perc",
          "KV cache blocks held by sequences; 1 is all of them.")),
      prefix_queries_(registry_.counter(
          "prefix_cache_queries_total",
          "Prompt tokens looked up in the prefix cache.")),
      prefix_hits_(registry_.counter(
          "prefix_cache_hits_total",
          "Prompt tokens found in the prefix cache.")),
      prefix_misses_(registry_.counters(
          "prefix_miss_total",
          "Prompt tokens not found in the prefix cache. absent: stored by "
          "nobody; tail: after the last whole block; scored: prompt "
          "logprobs need every position.",
          {"reason"})),
      preemptions_(registry_.counter(
          "num_preemptions_total", "Sequences preempted by the scheduler.")),
      failed_steps_(registry_.counter(
          "engine_failed_steps_total", "Steps that an exception has ended.")),
      prompt_tokens_(registry_.counter(
          "prompt_tokens_total", "Prompt tokens of admitted requests.")),
      generation_tokens_(
          registry_.counter("generation_tokens_total", "Tokens sampled.")),
      requests(registry_.counters(
          "request_success_total",
          "Choices that ended, by reason.",
          {"finished_reason"})),
      time_to_first_token_s(registry_.histogram(
          "time_to_first_token_seconds",
          "Admission until the first token was delivered.",
          first_token_bounds())),
      inter_token_latency_s(registry_.histogram(
          "inter_token_latency_seconds",
          "Between the tokens of a choice.",
          token_gap_bounds())),
      queue_time_s(registry_.histogram(
          "request_queue_time_seconds",
          "Submitted until first planned.",
          request_bounds())),
      prefill_time_s(registry_.histogram(
          "request_prefill_time_seconds",
          "First planned until the first token.",
          request_bounds())),
      decode_time_s(registry_.histogram(
          "request_decode_time_seconds",
          "First token until the finish.",
          request_bounds())),
      e2e_latency_s(registry_.histogram(
          "e2e_request_latency_seconds",
          "Admission until the finish.",
          request_bounds())),
      engine_step_s(registry_.histogram(
          "engine_step_seconds",
          "From the launch of a step, or the end of the one before, to its "
          "end.",
          step_bounds())),
      batch_size(registry_.histogram(
          "batch_size", "Rows of an engine step.", row_bounds())),
      responses_(registry_.counters(
          "http_responses_total",
          "Responses, by route and status.",
          {"route", "status"})),
      device_memory_(registry_.gauges(
          "device_memory_bytes", "Memory planned, by use.", {"kind"})),
      weight_version_(registry_.gauges(
          "weight_version_info",
          "1 for the version of the weights in force.",
          {"version"})) {
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
