#include "kernels/kernel_pool.h"

#include <gtest/gtest.h>

#include <numeric>
#include <stdexcept>

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

} // namespace
} // namespace parallm
