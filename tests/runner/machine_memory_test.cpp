#include "runner/machine_memory.h"

#include <gtest/gtest.h>

#include "tests/support/temporary_folder.h"

namespace parallm {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMiB = 1 << 20;
constexpr MachineMemory kMachine{8000 * kMiB, 8000 * kMiB};

std::string bytes(size_t mib) {
  return std::to_string(mib * kMiB) + "\n";
}

// The files that a process sees of Linux.
class LimitedMemory : public testing::Test {
 protected:
  void write(const fs::path& file, const std::string& text) {
    fs::create_directories((root_.path() / file).parent_path());
    root_.write(file.string(), text);
  }
  // A group of version 2.
  void group(
      const std::string& path, const std::string& limit, size_t used_mib) {
    write("sys/fs/cgroup/" + path + "/memory.max", limit);
    write("sys/fs/cgroup/" + path + "/memory.current", bytes(used_mib));
  }
  MachineMemory memory() { return limited_memory(kMachine, root_.path()); }

  test::TemporaryFolder root_;
};

TEST_F(LimitedMemory, IsTheMachinesWhereNothingIsSaid) {
  EXPECT_EQ(memory().total, kMachine.total);
  EXPECT_EQ(memory().available, kMachine.available);
}

TEST_F(LimitedMemory, IsWhatTheKernelCanGive) {
  write(
      "proc/meminfo",
      "MemTotal:       8192000 kB\nMemFree:         100000 kB\n"
      "MemAvailable:   5120000 kB\nHugePages_Total:       0\n");
  EXPECT_EQ(memory().total, kMachine.total);
  EXPECT_EQ(memory().available, 5000 * kMiB);
}

TEST_F(LimitedMemory, CountsTheFileCacheOfAContainerAsAvailable) {
  write("proc/self/cgroup", "0::/\n");
  group(".", bytes(4000), 3900);
  EXPECT_EQ(memory().available, 100 * kMiB);
  write(
      "sys/fs/cgroup/memory.stat", "anon 5\nfile 3774873600\ninactive_file " +
                                       bytes(2000) + "active_file " +
                                       bytes(1500) + "unevictable 0\n");
  EXPECT_EQ(memory().total, 4000 * kMiB);
  EXPECT_EQ(memory().available, 3600 * kMiB);
}

TEST_F(LimitedMemory, IsHeldToEveryGroupAboveItsOwn) {
  write("proc/self/cgroup", "0::/a.slice/b.service/c\n");
  group("a.slice", bytes(2000), 1900);
  group("a.slice/b.service", bytes(1000), 200);
  group("a.slice/b.service/c", "max\n", 10);
  group("another", bytes(1), 0);
  EXPECT_EQ(memory().total, 1000 * kMiB);
  EXPECT_EQ(memory().available, 100 * kMiB);
}

TEST_F(LimitedMemory, KnowsTheFirstVersionOfGroups) {
  write(
      "proc/self/cgroup",
      "9:name=systemd:/x\n4:hugetlb,memory:/docker/5d\n1:cpu:/\n0::/\n");
  const std::string all = "sys/fs/cgroup/memory/";
  write(all + "memory.limit_in_bytes", "9223372036854771712\n");
  write(all + "memory.usage_in_bytes", bytes(9999));
  const std::string own = all + "docker/5d/";
  write(own + "memory.limit_in_bytes", bytes(3000));
  write(own + "memory.usage_in_bytes", bytes(2500));
  write(
      own + "memory.stat",
      "inactive_file 1\nactive_file 1\n"
      "total_inactive_file " +
          bytes(700) + "total_active_file " + bytes(300));
  EXPECT_EQ(memory().total, 3000 * kMiB);
  EXPECT_EQ(memory().available, 1500 * kMiB);
}

// As in a container whose path is told as the host sees it.
TEST_F(LimitedMemory, APathThatLeadsNowhereIsTheGroupThatIsSeen) {
  write("proc/self/cgroup", "4:memory:/docker/5d\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", bytes(3000));
  write("sys/fs/cgroup/memory/memory.usage_in_bytes", bytes(500));
  EXPECT_EQ(memory().available, 2500 * kMiB);
}

TEST_F(LimitedMemory, IsNoneWhereMoreIsUsedThanAllowed) {
  write("proc/self/cgroup", "0::/../../host\n");
  group(".", bytes(100), 200);
  EXPECT_EQ(memory().available, 0u);
}

TEST(MachineMemoryOf, ThisMachineHasSome) {
  const MachineMemory memory = machine_memory();
  EXPECT_GT(memory.available, 0u);
  EXPECT_LE(memory.available, memory.total);
}

} // namespace
} // namespace parallm
