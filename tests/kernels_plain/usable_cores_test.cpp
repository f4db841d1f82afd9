#include "kernels/usable_cores.h"

#include <gtest/gtest.h>

#ifdef __linux__
#include <sched.h>

#include <thread>
#endif

#include "tests/support/temporary_folder.h"

namespace parallm {
namespace {

namespace fs = std::filesystem;

// The files that a process sees of Linux.
class LimitedCores : public testing::Test {
 protected:
  void write(const fs::path& file, const std::string& text) {
    fs::create_directories((root_.path() / file).parent_path());
    root_.write(file.string(), text);
  }
  int of_eight() { return limited_cores(8, root_.path()); }
  // Of a container, which sees its own group as the folder of all.
  int with(const std::string& cpu_max) {
    write("sys/fs/cgroup/cpu.max", cpu_max);
    return of_eight();
  }

  test::TemporaryFolder root_;
};

TEST_F(LimitedCores, AreAllWhereNothingIsSaid) {
  EXPECT_EQ(of_eight(), 8);
  EXPECT_EQ(with("max 100000\n"), 8);
  EXPECT_EQ(with("nonsense\n"), 8);
  EXPECT_EQ(with("100000 0\n"), 8);
  EXPECT_EQ(with(""), 8);
}

TEST_F(LimitedCores, AreTheQuotaRoundedUp) {
  EXPECT_EQ(with("100000 100000\n"), 1);
  EXPECT_EQ(with("150000 100000\n"), 2);
  EXPECT_EQ(with("200000 100000\n"), 2);
  EXPECT_EQ(with("200001 100000\n"), 3);
  EXPECT_EQ(with("350000 50000\n"), 7);
}

TEST_F(LimitedCores, AreAtLeastOne) {
  EXPECT_EQ(with("1000 100000\n"), 1);
}

TEST_F(LimitedCores, AreNeverMoreThanTheMachines) {
  EXPECT_EQ(with("6400000 100000\n"), 8);
}

TEST_F(LimitedCores, AreTheLeastOfTheGroupAndThoseAbove) {
  write("proc/self/cgroup", "0::/a.slice/b.service\n");
  write("sys/fs/cgroup/a.slice/b.service/cpu.max", "500000 100000\n");
  EXPECT_EQ(of_eight(), 5);
  write("sys/fs/cgroup/a.slice/cpu.max", "300000 100000\n");
  EXPECT_EQ(of_eight(), 3);
  write("sys/fs/cgroup/a.slice/b.service/cpu.max", "200000 100000\n");
  EXPECT_EQ(of_eight(), 2);
  write("sys/fs/cgroup/a.slice/c.service/cpu.max", "100000 100000\n");
  EXPECT_EQ(of_eight(), 2); // a neighbour's is not ours
}

#ifdef __linux__
TEST(UsableCores, AreThoseThatTheProcessMayRunOn) {
  int first = -1;
  int usable = 0;
  std::thread bound([&] {
    cpu_set_t cores;
    ASSERT_EQ(sched_getaffinity(0, sizeof(cores), &cores), 0);
    while (!CPU_ISSET(++first, &cores)) {
    }
    CPU_ZERO(&cores);
    CPU_SET(first, &cores);
    ASSERT_EQ(sched_setaffinity(0, sizeof(cores), &cores), 0);
    usable = usable_cores();
  });
  bound.join();
  EXPECT_EQ(usable, 1);
}
#endif

} // namespace
} // namespace parallm
