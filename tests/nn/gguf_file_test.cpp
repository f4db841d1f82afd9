#include "nn/gguf/gguf_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/check.h"
#include "tests/support/gguf_bytes.h"
#include "tests/support/temporary_folder.h"

namespace parallm {
namespace {

using namespace test;
using testing::HasSubstr;

constexpr uint32_t kF32 = 0, kQ4_0 = 2, kQ3_K = 11;
constexpr uint32_t kBool = 7, kString = 8, kList = 9, kUint64 = 10;

class GgufFiles : public testing::Test {
 protected:
  GgufFile read(const std::string& bytes) {
    folder_.write("model.gguf", bytes);
    return read_gguf(path());
  }
  std::filesystem::path path() const { return folder_.path() / "model.gguf"; }

  // What reading says, without the file's name.
  std::string complaint(const std::string& bytes) {
    try {
      read(bytes);
    } catch (const StartError& error) {
      EXPECT_EQ(error.exit_code, kExitBadData);
      const std::string what = error.what();
      const std::string name = path().string() + ": ";
      EXPECT_TRUE(what.starts_with(name)) << what;
      return what.substr(std::min(what.size(), name.size()));
    }
    return "nothing";
  }

  TemporaryFolder folder_;
};

// Two matrices with padding between them.
std::string two_tensors(
    uint32_t type = kF32, uint64_t first = 0, uint64_t second = 64) {
  return gguf_head(2, 1) + gguf_uint32("general.x", 7) +
         gguf_tensor("a", {4, 3}, type, first) +
         gguf_tensor("b", {32, 2}, kQ4_0, second);
}

TEST_F(GgufFiles, ReadsKeysAndPlaces) {
  const auto file = read(gguf_file(two_tensors(), std::string(100, 'x')));
  EXPECT_EQ(std::get<int64_t>(file.metadata.at("general.x")), 7);
  ASSERT_EQ(file.tensors.size(), 2u);
  EXPECT_THAT(file.tensors[0].shape, testing::ElementsAre(3, 4));
  EXPECT_EQ(file.tensors[0].bytes, 48u);
  EXPECT_EQ(file.tensors[1].type, GgufType::kQ4_0);
  EXPECT_EQ(file.tensors[1].bytes, 36u);
  EXPECT_EQ(file.tensors[1].begin, file.stamp.bytes - 36);
}

TEST_F(GgufFiles, ReadsEveryKindOfValue) {
  const auto list = [](uint32_t type, uint64_t count, const std::string& all) {
    return raw(type) + raw(count) + all;
  };
  const auto file = read(
      gguf_head(0, 6) + gguf_key("flag", kBool, "\1") +
      gguf_key("text", kString, gguf_text("words")) +
      gguf_key("large", kUint64, raw(~uint64_t{0})) +
      gguf_key(
          "texts", kList, list(kString, 2, gguf_text("a") + gguf_text(""))) +
      gguf_key("small", kList, list(1, 3, "\xff\x01\x02")) +
      gguf_key("nested", kList, list(kList, 1, list(kBool, 1, "\1"))));
  EXPECT_TRUE(std::get<bool>(file.metadata.at("flag")));
  EXPECT_EQ(std::get<std::string>(file.metadata.at("text")), "words");
  EXPECT_EQ(std::get<double>(file.metadata.at("large")), 0x1p64);
  EXPECT_THAT(
      std::get<std::vector<std::string>>(file.metadata.at("texts")),
      testing::ElementsAre("a", ""));
  EXPECT_THAT(
      std::get<std::vector<int64_t>>(file.metadata.at("small")),
      testing::ElementsAre(-1, 1, 2));
  EXPECT_TRUE(
      std::holds_alternative<std::monostate>(file.metadata.at("nested")));
}

TEST_F(GgufFiles, RefusesWhatIsNoneOrOfAnotherVersion) {
  EXPECT_THAT(complaint(""), HasSubstr("not a GGUF file"));
  EXPECT_THAT(complaint("GGUF"), HasSubstr("not a GGUF file"));
  EXPECT_THAT(complaint(std::string(64, 'x')), HasSubstr("not a GGUF file"));
  EXPECT_THAT(
      complaint("version https://git-lfs.github.com/spec/v1\noid sha256:12"),
      HasSubstr("a pointer of Git LFS"));
  EXPECT_THAT(complaint(gguf_head(0, 0, 1)), HasSubstr("version 1"));
  EXPECT_THAT(complaint(gguf_head(0, 0, 4)), HasSubstr("version 4"));
  EXPECT_THAT(complaint(gguf_head(0, 0, 0x03000000)), HasSubstr("big-endian"));
}

// A count or length may be anything: none is believed beyond the file.
TEST_F(GgufFiles, RefusesCountsThatTheFileHasNoRoomFor) {
  constexpr uint64_t kHuge = 100'000'000'000;
  EXPECT_THAT(complaint(gguf_head(kHuge, 0)), HasSubstr("tensors, expected"));
  EXPECT_THAT(complaint(gguf_head(0, kHuge)), HasSubstr("keys, expected"));
  EXPECT_THAT(
      complaint(gguf_head(0, 1) + raw(kHuge) + std::string(16, 'k')),
      HasSubstr("key number 0 has 100000000000 bytes in a string, expected"));
  EXPECT_THAT(
      complaint(
          gguf_head(0, 1) +
          gguf_key("list", kList, raw(kString) + raw(kHuge) + "abcdefgh")),
      HasSubstr("list has 100000000000 items, expected at most"));
  EXPECT_THAT(
      complaint(gguf_head(9, 0) + std::string(64, ' ')),
      HasSubstr("has 9 tensors and room for 2: truncated or corrupt"));
}

TEST_F(GgufFiles, RefusesValuesThatHaveNoMeaning) {
  EXPECT_THAT(
      complaint(gguf_head(0, 1) + gguf_key("x", 13, raw(uint64_t{0}))),
      HasSubstr("x has the value type 13"));
  EXPECT_THAT(
      complaint(gguf_head(0, 1) + gguf_key("flag", kBool, "\2")),
      HasSubstr("flag is a flag of value 2"));
  EXPECT_THAT(
      complaint(gguf_head(0, 2) + gguf_uint32("x", 1) + gguf_uint32("x", 2)),
      HasSubstr("x is there twice"));
  EXPECT_THAT(
      complaint(gguf_head(0, 1) + gguf_uint32("general.alignment", 12)),
      HasSubstr("general.alignment is 12, expected a multiple of 8"));
  std::string nested = raw(kBool) + raw(uint64_t{1}) + "\1";
  for (int i = 0; i < 8; ++i) {
    nested = raw(kList) + raw(uint64_t{1}) + nested;
  }
  EXPECT_THAT(
      complaint(gguf_head(0, 1) + gguf_key("x", kList, nested)),
      HasSubstr("x has lists in lists"));
}

TEST_F(GgufFiles, RefusesTensorsThatAreNone) {
  const auto one = [&](const std::string& tensor) {
    return complaint(
        gguf_file(gguf_head(1, 0) + tensor, std::string(4096, 'x')));
  };
  EXPECT_THAT(one(gguf_tensor("a", {}, kF32, 0)), HasSubstr("0 dimensions"));
  EXPECT_THAT(
      one(gguf_tensor("a", {1, 1, 1, 1, 1}, kF32, 0)),
      HasSubstr("5 dimensions"));
  EXPECT_THAT(
      one(gguf_tensor("a", {uint64_t{1} << 40}, kF32, 0)),
      HasSubstr("tensor a has a dimension of 1099511627776"));
  EXPECT_THAT(
      one(gguf_tensor("a", {1u << 28, 1u << 28}, kF32, 0)), HasSubstr("2^48"));
  EXPECT_THAT(
      one(gguf_tensor("a", {256}, kQ3_K, 0)),
      HasSubstr("has the type Q3_K, expected one of F32, F16, BF16, Q4_0"));
  EXPECT_THAT(
      one(gguf_tensor("a", {uint64_t{1} << 29}, kQ4_0, 0)),
      HasSubstr("dimension of 536870912, expected 1 to 268435456"));
  EXPECT_THAT(
      one(gguf_tensor("a", {40}, kQ4_0, 0)),
      HasSubstr("rows of 40 numbers, expected a multiple of 32"));
  EXPECT_THAT(
      one(gguf_tensor("a", {8}, kF32, 4)), HasSubstr("a multiple of 32"));
  EXPECT_THAT(
      one(gguf_tensor(std::string(65, 'a'), {8}, kF32, 0)),
      HasSubstr("65 bytes in a string, expected at most 64"));
}

TEST_F(GgufFiles, RefusesTensorsThatOverlapOrAreShort) {
  const auto with = [&](const std::string& head, size_t bytes) {
    return complaint(gguf_file(head, std::string(bytes, 'x')));
  };
  EXPECT_THAT(with(two_tensors(kF32, 0, 32), 100), HasSubstr("b overlaps a"));
  EXPECT_THAT(
      with(two_tensors(kF32, 0, 96), 132), HasSubstr("in front of tensor b"));
  EXPECT_THAT(with(two_tensors(), 99), HasSubstr("truncated"));
  EXPECT_THAT(with(two_tensors(), 140), HasSubstr("behind tensor b"));
  EXPECT_THAT(
      with(
          gguf_head(2, 0) + gguf_tensor("a", {8}, kF32, 0) +
              gguf_tensor("a", {8}, kF32, 32),
          64),
      HasSubstr("a is described twice"));
}

TEST_F(GgufFiles, RefusesAFileThatEndsAnywhereInItsHead) {
  const std::string head = two_tensors();
  for (size_t bytes = 0; bytes < head.size(); ++bytes) {
    EXPECT_NE(complaint(head.substr(0, bytes)), "nothing") << bytes;
  }
}

TEST_F(GgufFiles, AreFoundByTheirPathOrAloneInAFolder) {
  EXPECT_EQ(find_gguf(folder_.path()), std::nullopt);
  folder_.write("model.gguf", "");
  EXPECT_EQ(find_gguf(path()), path());
  EXPECT_EQ(find_gguf(folder_.path()), path());
  folder_.write("other.gguf", "");
  EXPECT_THROW(find_gguf(folder_.path()), StartError);
  folder_.write("config.json", "{}");
  EXPECT_EQ(find_gguf(folder_.path()), std::nullopt);
}

} // namespace
} // namespace parallm
