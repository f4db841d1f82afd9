#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "metrics/registry.h"

namespace parallm {

// What the engine publishes, copied when /metrics is asked for.
struct EngineFigures {
  int running = 0; // sequences
  int waiting = 0;
  int used_blocks = 0;
  int total_blocks = 0;
  uint64_t preemptions = 0;
  uint64_t failed_steps = 0;
  uint64_t prompt_tokens = 0;
  uint64_t generated_tokens = 0;
  uint64_t prefix_queries = 0; // tokens asked for
  uint64_t prefix_hits = 0;    // tokens found
  uint64_t prefix_misses_absent = 0;
  uint64_t prefix_misses_tail = 0;
  uint64_t prefix_misses_scored = 0;
};

// `status` is core's EngineStatus. This room knows no other, so it is taken
// by its shape.
template <class Status>
EngineFigures figures_of(const Status& status) {
  return {
      .running = status.running,
      .waiting = status.waiting,
      .used_blocks = status.used_blocks,
      .total_blocks = status.total_blocks,
      .preemptions = status.preemptions,
      .failed_steps = status.failed_steps,
      .prompt_tokens = status.prompt_tokens,
      .generated_tokens = status.generated_tokens,
      .prefix_queries = status.prefix_queries,
      .prefix_hits = status.prefix_hits,
      .prefix_misses_absent = status.prefix_misses_absent,
      .prefix_misses_tail = status.prefix_misses_tail,
      .prefix_misses_scored = status.prefix_misses_scored,
  };
}

// Upper bounds of histograms. Seconds: those of vLLM's dashboards, and finer
// ones below for small models.
std::vector<double> first_token_bounds();
std::vector<double> token_gap_bounds();
std::vector<double> request_bounds();
std::vector<double> step_bounds();
std::vector<double> row_bounds(); // rows of a step

// Every figure of the server (api, section 14). Any thread.
class ServerMetrics {
 private:
  Registry registry_; // before the metrics, which live in it
  Gauge& running_ = registry_.gauge(
      "num_requests_running", "Sequences in the running batch.");
  Gauge& waiting_ = registry_.gauge(
      "num_requests_waiting", "Sequences waiting to be scheduled.");
  Gauge& cache_usage_ = registry_.gauge(
      "kv_cache_usage_perc",
      "KV cache blocks held by sequences; 1 is all of them.");
  Counter& prefix_queries_ = registry_.counter(
      "prefix_cache_queries_total",
      "Prompt tokens looked up in the prefix cache.");
  Counter& prefix_hits_ = registry_.counter(
      "prefix_cache_hits_total", "Prompt tokens found in the prefix cache.");
  Family<Counter>& prefix_misses_ = registry_.counters(
      "prefix_miss_total",
      "Prompt tokens not found in the prefix cache. absent: stored by "
      "nobody; tail: after the last whole block; scored: prompt "
      "logprobs need every position.",
      {"reason"});
  Counter& preemptions_ = registry_.counter(
      "num_preemptions_total", "Sequences preempted by the scheduler.");
  Counter& failed_steps_ = registry_.counter(
      "engine_failed_steps_total", "Steps that an exception has ended.");
  Counter& prompt_tokens_ = registry_.counter(
      "prompt_tokens_total", "Prompt tokens of admitted requests.");
  Counter& generation_tokens_ =
      registry_.counter("generation_tokens_total", "Tokens sampled.");

 public:
  explicit ServerMetrics(std::string prefix = "parallm_")
      : registry_(std::move(prefix)) {}

  // Fed by delivery, per choice. finished_reason: stop, length, abort,
  // cancelled, error.
  Family<Counter>& requests = registry_.counters(
      "request_success_total",
      "Choices that ended, by reason.",
      {"finished_reason"});
  Histogram& time_to_first_token_s = registry_.histogram(
      "time_to_first_token_seconds",
      "Admission until the first token was delivered.",
      first_token_bounds());
  Histogram& inter_token_latency_s = registry_.histogram(
      "inter_token_latency_seconds",
      "Between the tokens of a choice.",
      token_gap_bounds());
  Histogram& queue_time_s = registry_.histogram(
      "request_queue_time_seconds",
      "Submitted until first planned.",
      request_bounds());
  Histogram& prefill_time_s = registry_.histogram(
      "request_prefill_time_seconds",
      "First planned until the first token.",
      request_bounds());
  Histogram& decode_time_s = registry_.histogram(
      "request_decode_time_seconds",
      "First token until the finish.",
      request_bounds());
  Histogram& e2e_latency_s = registry_.histogram(
      "e2e_request_latency_seconds",
      "Admission until the finish.",
      request_bounds());

  // Fed by the engine thread, per step.
  Histogram& engine_step_s = registry_.histogram(
      "engine_step_seconds",
      "From the launch of a step, or the end of the one before, to its "
      "end.",
      step_bounds());
  Histogram& batch_size = registry_.histogram(
      "batch_size", "Rows of an engine step.", row_bounds());

  // Fed by http or api. `route` is a path of the route table, never what the
  // client sent; 499: the client went away.
  void count_response(std::string_view route, int status);

  // Fed at the start. `kind`: weights, kv_cache, states, working,
  // answers, heap.
  void device_memory(std::string_view kind, double bytes);
  void weight_version(std::string_view version);

  // Prometheus text, format 0.0.4.
  std::string render(const EngineFigures& engine);

 private:
  Family<Counter>& responses_ = registry_.counters(
      "http_responses_total",
      "Responses, by route and status.",
      {"route", "status"});
  Family<Gauge>& device_memory_ = registry_.gauges(
      "device_memory_bytes", "Memory planned, by use.", {"kind"});
  Family<Gauge>& weight_version_ = registry_.gauges(
      "weight_version_info",
      "1 for the version of the weights in force.",
      {"version"});
};

} // namespace parallm
