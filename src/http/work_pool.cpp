#include "http/work_pool.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/thread.h"

namespace parallm::http {

namespace asio = boost::asio;

namespace {

struct Waiter {
  virtual ~Waiter() = default;
  virtual void resume() = 0;
};

// A suspended coroutine and the shard it goes on. The tracked executor keeps
// that shard's thread running until then.
template <class Resume>
struct Suspended final : Waiter {
  explicit Suspended(Resume r)
      : shard(asio::prefer(
            asio::any_io_executor(asio::get_associated_executor(r)),
            asio::execution::outstanding_work.tracked)),
        coroutine(std::move(r)) {}

  void resume() override { asio::post(shard, std::move(coroutine)); }

  asio::any_io_executor shard;
  Resume coroutine;
};

} // namespace

struct WorkPool::State {
  struct Entry {
    Job* job = nullptr; // lives in the suspended coroutine
    std::unique_ptr<Waiter> waiter{};
  };

  bool put(Entry& entry) {
    std::lock_guard lock(mutex);
    if (stopping) {
      return false;
    }
    queue.push_back(std::move(entry));
    ready.notify_one();
    return true;
  }

  // Waits. An entry without job: the pool has stopped.
  Entry next() {
    std::unique_lock lock(mutex);
    ready.wait(lock, [&] { return stopping || !queue.empty(); });
    if (queue.empty()) {
      return {};
    }
    Entry entry = std::move(queue.front());
    queue.pop_front();
    return entry;
  }

  void work() {
    while (work_once()) {
    }
  }

  // The entry dies here, before the next wait: it keeps a shard running.
  bool work_once() {
    const Entry entry = next();
    if (entry.job == nullptr) {
      return false;
    }
    entry.job->run();
    entry.waiter->resume();
    return true;
  }

  std::mutex mutex;
  std::condition_variable ready;
  std::deque<Entry> queue;
  bool stopping = false;
  std::vector<Thread> threads;
};

WorkPool::WorkPool(int threads) : state_(std::make_unique<State>()) {
  PARALLM_CHECK(threads > 0, "{} threads", threads);
  for (int i = 0; i < threads; ++i) {
    state_->threads.push_back(start_thread(
        "text-" + std::to_string(i),
        [state = state_.get()] { state->work(); }));
  }
}

WorkPool::~WorkPool() {
  stop();
}

void WorkPool::stop() {
  {
    std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->ready.notify_all();
  state_->threads.clear(); // joins
}

Task<> WorkPool::perform(Job& job) {
  bool accepted = false;
  auto enqueue = [&](auto resume) {
    State::Entry entry{
        &job, std::make_unique<Suspended<decltype(resume)>>(std::move(resume))};
    accepted = state_->put(entry);
    if (!accepted) {
      entry.waiter->resume();
    }
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
      enqueue, asio::use_awaitable);
  PARALLM_CHECK(accepted, "the pool has stopped");
}

} // namespace parallm::http
