#include "kernels/kernel_pool.h"

#include <gtest/gtest.h>

#include <fstream>
#include <numeric>
#include <stdexcept>

#if defined(__linux__) && defined(__x86_64__)
#include <sys/resource.h>
#include <unistd.h>
#endif

namespace parallm {
namespace {

TEST(KernelPool, RunsEachTaskOnce) {
  KernelPool pool(4);
  for (int tasks = 0; tasks < 200; ++tasks) {
    std::vector<std::atomic<int>> calls(tasks);
    pool.run(tasks, [&](int i) { calls[i].fetch_add(1); });
    for (const auto& count : calls) {
      ASSERT_EQ(count.load(), 1);
    }
  }
}

TEST(KernelPool, ReturnsWhenAllIsWritten) {
  KernelPool pool(3);
  std::vector<int> squares(1000);
  for (int round = 0; round < 1000; ++round) {
    pool.run(1000, [&](int i) { squares[i] = i + round; });
    ASSERT_EQ(
        std::accumulate(squares.begin(), squares.end(), 0),
        999 * 500 + 1000 * round);
  }
}

TEST(KernelPool, SharesTheWork) {
  KernelPool pool(2);
  std::atomic<int> inside{0};
  // Each waits for the other: one thread alone would never end.
  pool.run(2, [&](int) {
    inside.fetch_add(1);
    while (inside.load() < 2) {
    }
  });
  EXPECT_EQ(inside.load(), 2);
}

TEST(KernelPool, OneThreadIsTheCaller) {
  KernelPool pool(1);
  EXPECT_EQ(pool.threads(), 1);
  const auto caller = std::this_thread::get_id();
  pool.run(10, [&](int) { EXPECT_EQ(std::this_thread::get_id(), caller); });
}

TEST(KernelPool, ThrowsWhatATaskThrewWhenTheOthersAreDone) {
  KernelPool pool(2);
  std::atomic<int> done{0};
  EXPECT_THROW(
      pool.run(
          50,
          [&](int i) {
            if (i == 7) {
              throw std::runtime_error("seven");
            }
            done.fetch_add(1);
          }),
      std::runtime_error);
  EXPECT_EQ(done.load(), 49);
  pool.run(5, [&](int) { done.fetch_add(1); });
  EXPECT_EQ(done.load(), 54);
}

TEST(KernelPool, TakesCallersInTurn) {
  KernelPool pool(2);
  std::vector<int> first(5000), second(5000);
  std::thread other([&] {
    for (int i = 0; i < 200; ++i) {
      pool.run(5000, [&](int at) { ++second[at]; });
    }
  });
  for (int i = 0; i < 200; ++i) {
    pool.run(5000, [&](int at) { ++first[at]; });
  }
  other.join();
  EXPECT_EQ(first, std::vector<int>(5000, 200));
  EXPECT_EQ(second, std::vector<int>(5000, 200));
}

// Sanitizers take address space of their own, and end where it is refused; a
// program for Arm that QEMU runs cannot start another.
#if defined(__linux__) && defined(__x86_64__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// Leaves address space for the stacks of a few threads; false where the system
// does not heed that.
bool limit_memory() {
  constexpr rlim_t kRoom = rlim_t{32} << 20;
  size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  rlimit limit{};
  getrlimit(RLIMIT_AS, &limit);
  const rlim_t wanted = pages * sysconf(_SC_PAGESIZE) + kRoom;
  limit.rlim_cur = wanted;
  setrlimit(RLIMIT_AS, &limit);
  getrlimit(RLIMIT_AS, &limit);
  return limit.rlim_cur == wanted;
}

// Exit status 0: it threw, once the threads that had started were gone.
[[noreturn]] void start_too_many_threads() {
  alarm(60); // one that waits for a thread forever
  if (!limit_memory()) {
    std::exit(0);
  }
  try {
    KernelPool pool(64);
  } catch (const std::system_error&) {
    std::exit(0);
  }
  std::exit(1);
}

TEST(KernelPool, EndsTheThreadsItHasWhereAnotherIsRefused) {
  GTEST_FLAG_SET(death_test_style, "threadsafe"); // a fresh process
  EXPECT_EXIT(start_too_many_threads(), testing::ExitedWithCode(0), "");
}
#endif

} // namespace
} // namespace parallm
