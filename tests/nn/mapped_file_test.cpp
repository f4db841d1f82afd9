#include "nn/mapped_file.h"

#include <gtest/gtest.h>

#include <cstring>
#include <system_error>

#include "base/check.h"
#include "tests/support/temporary_folder.h"

namespace parallm {
namespace {

constexpr size_t kBytes = 100'000; // no whole number of pages

class MappedFileTest : public testing::Test {
 protected:
  void SetUp() override {
    for (size_t i = 0; i < kBytes; ++i) {
      bytes_.push_back(static_cast<char>(i % 251));
    }
    folder_.write("f", bytes_);
  }

  std::filesystem::path path() const { return folder_.path() / "f"; }

  test::TemporaryFolder folder_;
  std::string bytes_;
};

TEST_F(MappedFileTest, IsTheBytesOfTheFile) {
  const MappedFile file(path(), kBytes);
  ASSERT_NE(file.memory(), nullptr);
  file.announce(0, kBytes * 2);
  file.touch(5, kBytes - 5);
  EXPECT_EQ(std::memcmp(file.memory(), bytes_.data(), kBytes), 0);
  std::string part(1000, '\0');
  file.read(777, part.data(), part.size());
  EXPECT_EQ(part, bytes_.substr(777, 1000));
}

TEST_F(MappedFileTest, WhatIsWrittenStaysHere) {
  const MappedFile file(path(), kBytes);
  std::memset(file.memory() - 8, 7, 8); // the page in front
  std::memset(file.memory(), 0, kBytes);
  EXPECT_EQ(folder_.read("f"), bytes_);
}

TEST_F(MappedFileTest, ForgettingLeavesWhatLiesAtTheEdgesAlone) {
  const MappedFile file(path(), kBytes);
  std::memset(file.memory(), 1, kBytes);
  file.forget(1, kBytes - 2);
  EXPECT_EQ(std::to_integer<int>(file.memory()[0]), 1);
  EXPECT_EQ(std::to_integer<int>(file.memory()[kBytes - 1]), 1);
#ifdef __linux__
  EXPECT_EQ(file.memory()[50'000], std::byte(bytes_[50'000])); // read again
#endif
}

TEST_F(MappedFileTest, AFileOfAnotherSizeIsRefused) {
  try {
    MappedFile(path(), kBytes + 1);
    FAIL();
  } catch (const StartError& error) {
    EXPECT_EQ(error.exit_code, kExitBadData);
    EXPECT_EQ(
        std::string(error.what()),
        path().string() +
            ": 100000 bytes, 100001 when its header was read: it has changed");
  }
}

TEST_F(MappedFileTest, WhatHasBeenCutOffIsAnErrorNotASignal) {
  const MappedFile file(path(), kBytes);
  std::filesystem::resize_file(path(), 10'000);
  EXPECT_THROW(file.touch(50'000, 1000), std::system_error);
  char byte = 0;
  EXPECT_THROW(file.read(50'000, &byte, 1), std::system_error);
  file.touch(0, 100);
}

} // namespace
} // namespace parallm
