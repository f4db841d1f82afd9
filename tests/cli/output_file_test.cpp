#include "cli/bench/output_file.h"

#include <gtest/gtest.h>

#include "tests/support/temporary_folder.h"

namespace parallm::bench {
namespace {

namespace fs = std::filesystem;

class SameFile : public testing::Test {
 protected:
  std::string path(const std::string& name) const {
    return (folder_.path() / name).string();
  }

  test::TemporaryFolder folder_;
};

TEST_F(SameFile, IsOneThatLinksNameToo) {
  folder_.write("points.json", "{}");
  fs::create_symlink(path("points.json"), path("symbolic"));
  fs::create_hard_link(path("points.json"), path("hard"));
  EXPECT_TRUE(is_same_file(path("points.json"), path("symbolic")));
  EXPECT_TRUE(is_same_file(path("points.json"), path("hard")));
  EXPECT_TRUE(is_same_file(path("symbolic"), path("hard")));
}

TEST_F(SameFile, IsOneThatWillBeThere) {
  fs::create_directory(path("a"));
  fs::create_symlink(path("a"), path("b"));
  EXPECT_TRUE(is_same_file(path("a/points"), path("a/../b/./points")));
  EXPECT_FALSE(is_same_file(path("a/points"), path("a/plot")));
}

TEST_F(SameFile, IsNoOtherWithTheSameText) {
  folder_.write("a", "{}");
  folder_.write("b", "{}");
  EXPECT_FALSE(is_same_file(path("a"), path("b")));
  EXPECT_FALSE(is_same_file(path("a"), path("not there")));
  EXPECT_FALSE(is_same_file("", path("a")));
  EXPECT_FALSE(is_same_file("", ""));
}

} // namespace
} // namespace parallm::bench
