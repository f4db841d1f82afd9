#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace parallm {

// Many writers, one reader that takes everything at once, so a busy reader
// pays one lock for any number of messages. Any thread may put; one thread
// takes or waits. The reader hands its spent vector back, so that a steady
// stream of messages allocates nothing.
template <class T>
class Mailbox {
 public:
  // `wake` is called, outside the lock, when the box turns from empty to
  // non-empty. It must not block.
  explicit Mailbox(std::function<void()> wake = {}) : wake_(std::move(wake)) {}

  // False, and the item dropped, once the box is closed.
  bool put(T item) {
    bool first = false;
    {
      std::lock_guard lock(mutex_);
      if (closed_) {
        return false;
      }
      first = items_.empty();
      items_.push_back(std::move(item));
    }
    if (first) {
      ready_.notify_one();
      if (wake_) {
        wake_();
      }
    }
    return true;
  }

  // What has arrived since the last call; may be empty. `spent` becomes the
  // box's next buffer.
  std::vector<T> take(std::vector<T> spent = {}) {
    spent.clear();
    std::lock_guard lock(mutex_);
    return std::exchange(items_, std::move(spent));
  }

  // Blocks until there is something, until close(), or until the time is up.
  std::vector<T> wait_for(
      std::chrono::milliseconds limit, std::vector<T> spent = {}) {
    spent.clear();
    std::unique_lock lock(mutex_);
    ready_.wait_for(lock, limit, [&] { return !items_.empty() || closed_; });
    return std::exchange(items_, std::move(spent));
  }

  // Wakes the reader for good. Items already put are still delivered.
  void close() {
    {
      std::lock_guard lock(mutex_);
      closed_ = true;
    }
    ready_.notify_all();
  }

  bool closed() const {
    std::lock_guard lock(mutex_);
    return closed_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::vector<T> items_;
  std::function<void()> wake_;
  bool closed_ = false;
};

} // namespace parallm
