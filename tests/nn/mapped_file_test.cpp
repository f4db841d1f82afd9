#include "nn/mapped_file.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstring>
#include <system_error>

#include "base/bus_error.h"
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

  static std::string complaint(int exit_code, auto open) {
    try {
      open();
    } catch (const StartError& error) {
      EXPECT_EQ(error.exit_code, exit_code);
      return error.what();
    }
    return "accepted";
  }

  test::TemporaryFolder folder_;
  std::string bytes_;
};

TEST_F(MappedFileTest, IsTheBytesOfTheFile) {
  const MappedFile file(path());
  EXPECT_EQ(file.stamp().bytes, kBytes);
  ASSERT_NE(file.memory(), nullptr);
  file.announce(0, kBytes * 2);
  file.touch(5, kBytes - 5);
  EXPECT_EQ(std::memcmp(file.memory(), bytes_.data(), kBytes), 0);
  std::string part(1000, '\0');
  file.read(777, part.data(), part.size());
  EXPECT_EQ(part, bytes_.substr(777, 1000));
}

TEST_F(MappedFileTest, ThePageInFrontCanBeWrittenToAndTheFileCannot) {
  const MappedFile file(path());
  std::memset(file.memory() - 8, 7, 8);
  EXPECT_DEATH(std::memset(file.memory(), 0, 1), "");
}

TEST_F(MappedFileTest, WhatIsForgottenIsReadAgain) {
  const MappedFile file(path());
  file.touch(0, kBytes);
  file.forget(1, kBytes - 2);
  EXPECT_EQ(std::memcmp(file.memory(), bytes_.data(), kBytes), 0);
}

TEST_F(MappedFileTest, AnotherFileThatIsAsLargeIsRefused) {
  const FileStamp before = MappedFile(path()).stamp();
  EXPECT_EQ(MappedFile(path(), before).stamp(), before);
  folder_.write("other", bytes_);
  std::filesystem::rename(folder_.path() / "other", path());
  EXPECT_EQ(
      complaint(kExitBadData, [&] { MappedFile(path(), before); }),
      path().string() +
          ": was replaced or written to while the model was being loaded; "
          "start again");
}

TEST_F(MappedFileTest, WhatIsNoFileIsRefused) {
  EXPECT_EQ(
      complaint(kExitNotFound, [&] { MappedFile(folder_.path() / "g"); }),
      (folder_.path() / "g").string() + ": no such file");
  EXPECT_EQ(
      complaint(kExitBadData, [&] { MappedFile(folder_.path()); }),
      folder_.path().string() + ": is not a file");
}

TEST_F(MappedFileTest, WhatHasBeenCutOffEndsTheProcessWithAWord) {
  const MappedFile file(path());
  std::filesystem::resize_file(path(), 10'000);
  const auto touch = [&] {
    explain_bus_errors();
    volatile auto byte = file.memory()[50'000];
    static_cast<void>(byte);
  };
  EXPECT_EXIT(touch(), testing::KilledBySignal(SIGBUS), "was shortened");
}

TEST_F(MappedFileTest, WhatHasBeenCutOffIsAnErrorBeforeItIsTouched) {
  const MappedFile file(path());
  std::filesystem::resize_file(path(), 10'000);
  EXPECT_THROW(file.touch(50'000, 1000), std::system_error);
  char byte = 0;
  EXPECT_THROW(file.read(50'000, &byte, 1), std::system_error);
  file.touch(0, 100);
}

} // namespace
} // namespace parallm
