#include "metrics/metric.h"

#include <algorithm>

namespace parallm {

Histogram::Histogram(std::vector<double> bounds)
    : bounds_(std::move(bounds)),
      buckets_(new std::atomic<uint64_t>[bounds_.size() + 1]()) {
}

void Histogram::observe(double value) {
  buckets_[bucket_of(value)].fetch_add(1, std::memory_order_relaxed);
  add_to_sum(value);
}

void Histogram::add(std::span<const uint64_t> buckets, double sum) {
  for (size_t i = 0; i < buckets.size(); ++i) {
    if (buckets[i] > 0) {
      buckets_[i].fetch_add(buckets[i], std::memory_order_relaxed);
    }
  }
  add_to_sum(sum);
}

size_t Histogram::bucket_of(double value) const {
  const auto bound = std::lower_bound(bounds_.begin(), bounds_.end(), value);
  return static_cast<size_t>(bound - bounds_.begin());
}

std::vector<uint64_t> Histogram::buckets() const {
  std::vector<uint64_t> counts(bounds_.size() + 1);
  for (size_t i = 0; i < counts.size(); ++i) {
    counts[i] = buckets_[i].load(std::memory_order_relaxed);
  }
  return counts;
}

// atomic<double>::fetch_add is missing in older libc++.
void Histogram::add_to_sum(double value) {
  double sum = sum_.load(std::memory_order_relaxed);
  while (!sum_.compare_exchange_weak(
      sum, sum + value, std::memory_order_relaxed)) {
  }
}

Tally::Tally(Histogram& histogram)
    : histogram_(histogram), buckets_(histogram.bounds().size() + 1) {
}

void Tally::observe(double value) {
  ++buckets_[histogram_.bucket_of(value)];
  sum_ += value;
  empty_ = false;
}

void Tally::flush() {
  if (empty_) {
    return;
  }
  histogram_.add(buckets_, sum_);
  std::fill(buckets_.begin(), buckets_.end(), 0);
  sum_ = 0;
  empty_ = true;
}

} // namespace parallm
