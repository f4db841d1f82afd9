#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

// The three kinds of figures. Any thread; nothing here locks or waits.
namespace parallm {

class Counter {
 public:
  void add(uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  // For a figure that is counted elsewhere and copied here when rendered.
  void set(uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

class Gauge {
 public:
  void set(double value) { value_.store(value, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

class Histogram {
 public:
  // Upper bounds of the buckets, rising; one without bound is added.
  explicit Histogram(std::vector<double> bounds);

  void observe(double value);
  // Many values at once, which the caller has sorted into buckets.
  void add(std::span<const uint64_t> buckets, double sum);

  size_t bucket_of(double value) const;
  const std::vector<double>& bounds() const { return bounds_; }
  // Per bucket, not cumulative; one more than bounds().
  std::vector<uint64_t> buckets() const;
  double sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  void add_to_sum(double value);

  const std::vector<double> bounds_;
  std::unique_ptr<std::atomic<uint64_t>[]> buckets_;
  std::atomic<double> sum_{0};
};

// Gathers values on one thread and hands them over now and then, so that
// threads do not fight for the same cache lines at each value.
class Tally {
 public:
  explicit Tally(Histogram& histogram);
  void observe(double value);
  void flush();

 private:
  Histogram& histogram_;
  std::vector<uint64_t> buckets_;
  double sum_ = 0;
  bool empty_ = true;
};

} // namespace parallm
