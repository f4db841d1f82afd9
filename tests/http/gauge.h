#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace parallm::http::testing {

// A number that handlers move and a test waits for. Any thread.
class Gauge {
 public:
  static constexpr std::chrono::seconds kLimit{30};

  void add(int difference) {
    std::lock_guard lock(mutex_);
    value_ += difference;
    changed_.notify_all();
  }

  int value() const {
    std::lock_guard lock(mutex_);
    return value_;
  }

  // False: it did not happen in time.
  bool wait_for(int value) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kLimit, [&] { return value_ == value; });
  }

  bool wait_for_at_least(int value) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kLimit, [&] { return value_ >= value; });
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  int value_ = 0;
};

// Counts while it lives; put one in a handler's frame.
class Counted {
 public:
  explicit Counted(Gauge& gauge) : gauge_(gauge) { gauge_.add(1); }
  ~Counted() { gauge_.add(-1); }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  Gauge& gauge_;
};

} // namespace parallm::http::testing
