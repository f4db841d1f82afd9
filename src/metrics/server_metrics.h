#pragma once

#include <string>
#include <string_view>

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

// Every figure of the server (api, section 14). Any thread.
class ServerMetrics {
 private:
  Registry registry_; // before the metrics, which live in it
  Gauge& running_;
  Gauge& waiting_;
  Gauge& cache_usage_;
  Counter& prefix_queries_;
  Counter& prefix_hits_;
  Family<Counter>& prefix_misses_;
  Counter& preemptions_;
  Counter& failed_steps_;
  Counter& prompt_tokens_;
  Counter& generation_tokens_;

 public:
  explicit ServerMetrics(std::string prefix = "parallm_");

  // Fed by delivery, per choice. finished_reason: stop, length, abort,
  // cancelled, error.
  Family<Counter>& requests;
  Histogram& time_to_first_token_s;
  Histogram& inter_token_latency_s;
  Histogram& queue_time_s;
  Histogram& prefill_time_s;
  Histogram& decode_time_s;
  Histogram& e2e_latency_s;

  // Fed by the engine thread, per step.
  Histogram& engine_step_s;
  Histogram& batch_size; // rows

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
  Family<Counter>& responses_;
  Family<Gauge>& device_memory_;
  Family<Gauge>& weight_version_;
};

} // namespace parallm
