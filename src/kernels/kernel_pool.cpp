#include "kernels/kernel_pool.h"

#include <thread>

#include "kernels/usable_cores.h"

namespace parallm {
namespace {

// About 20 µs on the machines seen: longer than the pause between two kernels
// of a step, shorter than anybody would miss a core for.
constexpr int kSpins = 1000;

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Waits until the number is another: a little while awake, then asleep. Asleep
// the core is free, and the system moves a held-up thread of the pool there.
void wait_while(std::atomic<int>& number, int value) {
  for (int i = 0; i < kSpins; ++i) {
    if (number.load(std::memory_order_acquire) != value) {
      return;
    }
    pause();
  }
  number.wait(value, std::memory_order_acquire);
}

std::unique_ptr<KernelPool>& process_pool() {
  static std::unique_ptr<KernelPool> pool;
  return pool;
}

std::mutex& process_mutex() {
  static std::mutex mutex;
  return mutex;
}

} // namespace

KernelPool::KernelPool(int threads) {
  try {
    for (int i = 1; i < threads; ++i) {
      workers_.push_back(start_thread("kernel", [this] { work(); }));
    }
  } catch (...) { // the system refuses one: the others must end
    stop();
    throw;
  }
}

KernelPool::~KernelPool() {
  stop();
}

void KernelPool::stop() {
  stopping_.store(true);
  round_.fetch_add(1);
  round_.notify_all();
  workers_.clear(); // joins them
}

void KernelPool::run(const Job& job) {
  if (job.tasks <= 0) {
    return;
  }
  const std::lock_guard lock(run_mutex_);
  job_ = job;
  thrown_ = nullptr;
  done_.store(0, std::memory_order_relaxed);
  left_.store(job.tasks, std::memory_order_release);
  if (job.tasks > 1 && !workers_.empty()) {
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_all();
  }
  while (take_task()) {
  }
  wait_for_done();
  if (thrown_) {
    std::rethrow_exception(thrown_);
  }
}

// A thread that comes late finds no task left, or takes one of the next job.
bool KernelPool::take_task() {
  int left = left_.load(std::memory_order_acquire);
  do {
    if (left == 0) {
      return false;
    }
  } while (!left_.compare_exchange_weak(
      left, left - 1, std::memory_order_acq_rel, std::memory_order_acquire));
  call_task(job_.tasks - left);
  return true;
}

void KernelPool::call_task(int i) {
  const int tasks = job_.tasks; // the last to be done may not look again
  try {
    job_.call(job_.context, i);
  } catch (...) {
    const std::lock_guard lock(thrown_mutex_);
    thrown_ = thrown_ ? thrown_ : std::current_exception();
  }
  if (done_.fetch_add(1, std::memory_order_acq_rel) + 1 == tasks) {
    done_.notify_one();
  }
}

void KernelPool::wait_for_done() {
  int done = done_.load(std::memory_order_acquire);
  while (done != job_.tasks) {
    wait_while(done_, done);
    done = done_.load(std::memory_order_acquire);
  }
}

void KernelPool::work() {
  int seen = 0;
  while (!stopping_.load(std::memory_order_acquire)) {
    wait_while(round_, seen);
    seen = round_.load(std::memory_order_acquire);
    while (take_task()) {
    }
  }
}

KernelPool& kernel_pool() {
  const std::lock_guard lock(process_mutex());
  auto& pool = process_pool();
  if (!pool) {
    pool = std::make_unique<KernelPool>(usable_cores());
  }
  return *pool;
}

void set_kernel_threads(int threads) {
  const std::lock_guard lock(process_mutex());
  auto& pool = process_pool();
  if (!pool || pool->threads() != threads) {
    pool = std::make_unique<KernelPool>(threads);
  }
}

} // namespace parallm
