#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <vector>

#include "base/thread.h"

// The threads that share the loops of CPU kernels. No MLX here.
namespace parallm {

class KernelPool {
 public:
  // So many threads in all, the caller of run() among them; at least 1.
  explicit KernelPool(int threads);
  ~KernelPool();
  KernelPool(const KernelPool&) = delete;
  KernelPool& operator=(const KernelPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls work(i) once for each i in [0, tasks), in about that order, and
  // returns when all are done. Whoever is free takes the next, so that a thread
  // that the system holds up delays one task only. Which thread runs a task
  // must not matter to its result. Throws what a task threw; the others run
  // all the same. One caller at a time, others wait; not from within a task.
  template <class Work>
  void run(int tasks, const Work& work) {
    const auto call = [](const void* context, int i) {
      (*static_cast<const Work*>(context))(i);
    };
    run({call, &work, tasks});
  }

 private:
  struct Job {
    void (*call)(const void* context, int i) = nullptr;
    const void* context = nullptr;
    int tasks = 0;
  };

  void stop();
  void run(const Job& job);
  bool take_task();
  void call_task(int i);
  void work();
  void wait_for_done();

  Job job_{}; // steady while left_ holds tasks of it, or one of them runs
  std::exception_ptr thrown_{};
  std::mutex thrown_mutex_;
  std::mutex run_mutex_;
  std::atomic<int> left_{0}; // tasks that nobody has taken
  std::atomic<int> done_{0};
  std::atomic<int> round_{0}; // of run(), for those that sleep
  std::atomic<bool> stopping_{false};
  std::vector<Thread> workers_; // last: they use the others
};

// The one of this process, made at its first use: a thread for each of
// usable_cores(), unless told before. Any thread.
KernelPool& kernel_pool();
// Replaces it, unless it has so many. While no kernel runs.
void set_kernel_threads(int threads);

} // namespace parallm
