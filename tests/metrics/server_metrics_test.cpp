#include "metrics/server_metrics.h"
#include "base/thread.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <sstream>
#include <thread>

namespace parallm {
namespace {

// A small reader of the text format, strict about what we write.
struct Parsed {
  std::map<std::string, std::string> types;  // by name
  std::map<std::string, double> samples;     // by name{labels}
  std::map<std::string, std::string> family; // of each sample
};

Parsed parse(const std::string& text) {
  Parsed parsed;
  std::istringstream lines(text);
  std::string line;
  std::string family;
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string hash, kind, name;
    if (line.rfind("# ", 0) == 0) {
      words >> hash >> kind >> name;
      if (kind == "TYPE") {
        EXPECT_EQ(parsed.types.count(name), 0u) << "declared twice: " << name;
        words >> parsed.types[name];
        family = name;
      }
      continue;
    }
    const size_t space = line.rfind(' ');
    const std::string key = line.substr(0, space);
    char* end = nullptr;
    const double value = std::strtod(line.c_str() + space + 1, &end);
    EXPECT_EQ(*end, '\0') << line;
    EXPECT_EQ(parsed.samples.count(key), 0u) << "twice: " << key;
    EXPECT_EQ(key.rfind(family, 0), 0u) << key << " under " << family;
    parsed.samples[key] = value;
    parsed.family[key] = family;
  }
  return parsed;
}

TEST(ServerMetrics, HasEveryNameOfTheContract) {
  ServerMetrics metrics;
  const Parsed parsed = parse(metrics.render({}));
  const std::map<std::string, std::string> expected = {
      {"num_requests_running", "gauge"},
      {"num_requests_waiting", "gauge"},
      {"kv_cache_usage_perc", "gauge"},
      {"prefix_cache_queries_total", "counter"},
      {"prefix_cache_hits_total", "counter"},
      {"num_preemptions_total", "counter"},
      {"prompt_tokens_total", "counter"},
      {"generation_tokens_total", "counter"},
      {"request_success_total", "counter"},
      {"time_to_first_token_seconds", "histogram"},
      {"inter_token_latency_seconds", "histogram"},
      {"request_queue_time_seconds", "histogram"},
      {"request_prefill_time_seconds", "histogram"},
      {"request_decode_time_seconds", "histogram"},
      {"e2e_request_latency_seconds", "histogram"},
      {"engine_step_seconds", "histogram"},
      {"batch_size", "histogram"},
      {"http_responses_total", "counter"},
      {"device_memory_bytes", "gauge"},
      {"prefix_miss_total", "counter"},
      {"engine_failed_steps_total", "counter"},
      {"weight_version_info", "gauge"},
  };
  for (const auto& [name, type] : expected) {
    ASSERT_EQ(parsed.types.count("parallm_" + name), 1u) << name;
    EXPECT_EQ(parsed.types.at("parallm_" + name), type) << name;
  }
  EXPECT_EQ(parsed.types.size(), expected.size());
}

struct FakeStatus {
  std::atomic<int> running{3};
  std::atomic<int> waiting{5};
  std::atomic<int> used_blocks{25};
  std::atomic<int> total_blocks{100};
  std::atomic<uint64_t> preemptions{1};
  std::atomic<uint64_t> failed_steps{6};
  std::atomic<uint64_t> prompt_tokens{1234567890123};
  std::atomic<uint64_t> generated_tokens{4};
  std::atomic<uint64_t> prefix_queries{10};
  std::atomic<uint64_t> prefix_hits{7};
  std::atomic<uint64_t> prefix_misses_absent{2};
  std::atomic<uint64_t> prefix_misses_tail{1};
  std::atomic<uint64_t> prefix_misses_scored{8};
};

TEST(ServerMetrics, TellsMemoryAndWeightsOnceTheyAreKnown) {
  ServerMetrics metrics;
  metrics.device_memory("weights", 1.5e9);
  metrics.device_memory("kv_cache", 64);
  metrics.weight_version("0");
  const Parsed parsed = parse(metrics.render({}));
  const auto& samples = parsed.samples;
  EXPECT_EQ(samples.at("parallm_device_memory_bytes{kind=\"weights\"}"), 1.5e9);
  EXPECT_EQ(samples.at("parallm_device_memory_bytes{kind=\"kv_cache\"}"), 64);
  EXPECT_EQ(samples.at("parallm_weight_version_info{version=\"0\"}"), 1);
}

TEST(ServerMetrics, ShowsTheFiguresOfTheEngine) {
  ServerMetrics metrics("x_");
  const Parsed parsed = parse(metrics.render(figures_of(FakeStatus())));
  EXPECT_EQ(parsed.samples.at("x_num_requests_running"), 3);
  EXPECT_EQ(parsed.samples.at("x_num_requests_waiting"), 5);
  EXPECT_EQ(parsed.samples.at("x_kv_cache_usage_perc"), 0.25);
  EXPECT_EQ(parsed.samples.at("x_prompt_tokens_total"), 1234567890123);
  EXPECT_EQ(parsed.samples.at("x_prefix_cache_hits_total"), 7);
  EXPECT_EQ(parsed.samples.at("x_engine_failed_steps_total"), 6);
  const std::map<std::string, double> misses{
      {"absent", 2}, {"tail", 1}, {"scored", 8}};
  for (const auto& [reason, tokens] : misses) {
    EXPECT_EQ(
        parsed.samples.at("x_prefix_miss_total{reason=\"" + reason + "\"}"),
        tokens);
  }
}

TEST(ServerMetrics, BucketsAreCumulativeAndEndWithTheCount) {
  ServerMetrics metrics;
  for (const double rows : {1.0, 2.0, 3.0, 1e9}) {
    metrics.batch_size.observe(rows);
  }
  const Parsed parsed = parse(metrics.render({}));
  const auto bucket = [&](const std::string& bound) {
    return parsed.samples.at("parallm_batch_size_bucket{le=\"" + bound + "\"}");
  };
  EXPECT_EQ(bucket("1"), 1); // a bound belongs to its bucket
  EXPECT_EQ(bucket("2"), 2);
  EXPECT_EQ(bucket("4"), 3);
  EXPECT_EQ(bucket("2048"), 3);
  EXPECT_EQ(bucket("+Inf"), 4);
  EXPECT_EQ(parsed.samples.at("parallm_batch_size_count"), 4);
  EXPECT_EQ(parsed.samples.at("parallm_batch_size_sum"), 1e9 + 6);
}

TEST(ServerMetrics, CountsResponsesByRouteAndStatus) {
  ServerMetrics metrics;
  metrics.count_response("/v1/completions", 200);
  metrics.count_response("/v1/completions", 200);
  metrics.count_response("/v1/completions", 429);
  metrics.requests.with({"stop"}).add();
  const Parsed parsed = parse(metrics.render({}));
  const std::string name = "parallm_http_responses_total";
  EXPECT_EQ(
      parsed.samples.at(name + R"({route="/v1/completions",status="200"})"), 2);
  EXPECT_EQ(
      parsed.samples.at(name + R"({route="/v1/completions",status="429"})"), 1);
  EXPECT_EQ(
      parsed.samples.at(
          "parallm_request_success_total{finished_reason=\"stop\"}"),
      1);
}

TEST(Registry, EscapesLabelValues) {
  Registry registry("");
  registry.counters("hits", "Hits.", {"who"}).with({"a\"b\\c\nd"}).add();
  EXPECT_NE(
      registry.render().find(R"(hits{who="a\"b\\c\nd"} 1)"), std::string::npos);
}

TEST(Histogram, LosesNothingBetweenThreads) {
  Histogram histogram({1, 2});
  Family<Counter> family({"who"});
  constexpr int kThreads = 4;
  constexpr int kRounds = 2000;
  {
    std::vector<Thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        Tally tally(histogram);
        for (int round = 0; round < kRounds; ++round) {
          histogram.observe(round % 3);
          tally.observe(5);
          tally.flush();
          family.with({round % 2 ? "odd" : "even"}).add();
        }
      });
    }
  }
  uint64_t total = 0;
  for (const uint64_t count : histogram.buckets()) {
    total += count;
  }
  EXPECT_EQ(total, 2u * kThreads * kRounds);
  EXPECT_EQ(histogram.buckets()[2], static_cast<uint64_t>(kThreads * kRounds));
  EXPECT_EQ(family.with({"odd"}).value(), uint64_t{kThreads * kRounds / 2});
}

TEST(Tally, TellsNothingBeforeFlush) {
  Histogram histogram({1, 2});
  Tally tally(histogram);
  tally.observe(0.5);
  EXPECT_EQ(histogram.buckets()[0], 0u);
  tally.flush();
  tally.flush();
  EXPECT_EQ(histogram.buckets()[0], 1u);
  EXPECT_EQ(histogram.sum(), 0.5);
}

} // namespace
} // namespace parallm
