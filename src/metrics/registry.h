#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/metric.h"

namespace parallm {

// One name with labels: a metric for each combination of label values, made
// when first asked for. Any thread; with() locks, what it returns does not
// and stays valid. Label values must come from a small set.
template <class Metric>
class Family {
 public:
  explicit Family(std::vector<std::string> labels)
      : labels_(std::move(labels)) {}

  Metric& with(std::vector<std::string> values);

  // In order of the label values.
  template <class Visit>
  void each(Visit visit) const {
    std::lock_guard lock(mutex_);
    for (const auto& [values, metric] : metrics_) {
      visit(values, metric);
    }
  }
  const std::vector<std::string>& labels() const { return labels_; }

 private:
  const std::vector<std::string> labels_;
  mutable std::mutex mutex_;
  std::map<std::vector<std::string>, Metric> metrics_;
};

// All metrics of the process as Prometheus text, format 0.0.4. Metrics are
// made at start; render() is for any thread.
class Registry {
 public:
  explicit Registry(std::string prefix) : prefix_(std::move(prefix)) {}

  Counter& counter(std::string name, std::string help);
  Gauge& gauge(std::string name, std::string help);
  Histogram& histogram(
      std::string name, std::string help, std::vector<double> bounds);
  Family<Counter>& counters(
      std::string name, std::string help, std::vector<std::string> labels);
  Family<Gauge>& gauges(
      std::string name, std::string help, std::vector<std::string> labels);

  std::string render() const;

 private:
  struct Entry {
    std::string name{};
    std::string help{};
    std::unique_ptr<Counter> counter{}; // one of these
    std::unique_ptr<Gauge> gauge{};
    std::unique_ptr<Histogram> histogram{};
    std::unique_ptr<Family<Counter>> counters{};
    std::unique_ptr<Family<Gauge>> gauges{};
  };

  Entry& add(std::string name, std::string help);
  static void render_entry(const Entry& entry, std::string& text);

  const std::string prefix_;
  std::deque<Entry> entries_;
};

} // namespace parallm
