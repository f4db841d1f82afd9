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

// Of version 1, in a folder below that of all groups with a CPU quota.
class LimitedCoresOfVersion1 : public LimitedCores {
 protected:
  void grant(
      const fs::path& group, const std::string& quota, int period = 100000) {
    const fs::path folder = "sys/fs/cgroup/cpu" / group;
    write(folder / "cpu.cfs_quota_us", quota + "\n");
    write(folder / "cpu.cfs_period_us", std::to_string(period) + "\n");
  }
};

TEST_F(LimitedCoresOfVersion1, AreAllWhereThereIsNoQuota) {
  grant("", "-1");
  EXPECT_EQ(of_eight(), 8);
  grant("", "100000", 0);
  EXPECT_EQ(of_eight(), 8);
  fs::remove(root_.path() / "sys/fs/cgroup/cpu/cpu.cfs_period_us");
  EXPECT_EQ(of_eight(), 8);
}

TEST_F(LimitedCoresOfVersion1, AreTheQuotaRoundedUp) {
  grant("", "150000");
  EXPECT_EQ(of_eight(), 2);
  grant("", "350000", 50000);
  EXPECT_EQ(of_eight(), 7);
  grant("", "1000");
  EXPECT_EQ(of_eight(), 1);
  grant("", "6400000");
  EXPECT_EQ(of_eight(), 8);
}

TEST_F(LimitedCoresOfVersion1, AreTheLeastOfTheGroupAndThoseAbove) {
  write(
      "proc/self/cgroup",
      "5:memory:/m\n4:cpu,cpuacct:/docker/abc\n3:cpuset:/c\n0::/\n");
  grant("docker/abc", "500000");
  EXPECT_EQ(of_eight(), 5);
  grant("docker", "300000");
  EXPECT_EQ(of_eight(), 3);
  grant("docker/abc", "200000");
  EXPECT_EQ(of_eight(), 2);
  grant("m", "100000"); // of other controllers, and of a neighbour
  grant("c", "100000");
  grant("docker/def", "100000");
  EXPECT_EQ(of_eight(), 2);
}

// Where both are mounted, at most one of them limits CPU time.
TEST_F(LimitedCoresOfVersion1, AreTheLeastOfBothVersions) {
  write("proc/self/cgroup", "4:cpu:/a\n0::/b\n");
  grant("a", "300000");
  EXPECT_EQ(of_eight(), 3);
  write("sys/fs/cgroup/b/cpu.max", "200000 100000\n");
  EXPECT_EQ(of_eight(), 2);
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
