#pragma once

#include <functional>
#include <string>
#include <thread>
#include <utility>

namespace parallm {

// A thread that is joined when it dies or when another takes its place, as a
// std::jthread would be; the library of AppleClang 15 has none. Its owner's
// thread only.
class Thread {
 public:
  Thread() = default;
  explicit Thread(std::function<void()> run) : thread_(std::move(run)) {}
  ~Thread() {
    if (joinable()) {
      join();
    }
  }
  Thread(Thread&&) noexcept = default;
  Thread& operator=(Thread other) noexcept {
    thread_.swap(other.thread_);
    return *this;
  }

  bool joinable() const { return thread_.joinable(); }
  void join() { thread_.join(); }
  std::thread::id get_id() const { return thread_.get_id(); }

 private:
  std::thread thread_{};
};

// A thread with a name that debuggers and `top` show (at most 15 bytes). All
// signals are blocked but those of a fault (SIGSEGV and the like), so that
// only main sees what is sent to the process.
Thread start_thread(const std::string& name, std::function<void()> run);

} // namespace parallm
