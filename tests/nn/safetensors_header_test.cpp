#include "nn/safetensors_header.h"

#include <gtest/gtest.h>

#include "base/check.h"
#include "tests/support/safetensors_bytes.h"
#include "tests/support/temporary_folder.h"

namespace parallm {
namespace {

using namespace test;

class SafetensorsHeader : public testing::Test {
 protected:
  TensorFile read(const std::string& bytes) {
    folder_.write("t.safetensors", bytes);
    return read_safetensors_header(folder_.path() / "t.safetensors");
  }

  // What is said of it, after the file's name.
  std::string complaint(const std::string& bytes) {
    try {
      read(bytes);
    } catch (const StartError& error) {
      EXPECT_EQ(error.exit_code, kExitBadData);
      const std::string what = error.what();
      const std::string file = (folder_.path() / "t.safetensors").string();
      EXPECT_TRUE(what.starts_with(file + ": ")) << what;
      EXPECT_EQ(what.find('\n'), std::string::npos);
      return what.substr(file.size() + 2);
    }
    return "accepted";
  }

  std::string complaint(const std::string& header, size_t data_bytes) {
    return complaint(file_with_header(header, std::string(data_bytes, '\0')));
  }

  TemporaryFolder folder_;
};

TEST_F(SafetensorsHeader, TellsTensorsInTheOrderInWhichTheyLie) {
  const std::string header =
      R"({"b": {"dtype": "F32", "shape": [3], "data_offsets": [4, 16]},
          "__metadata__": {"format": "mlx"},
          "a": {"dtype": "BF16", "shape": [2, 1], "data_offsets": [0, 4]},
          "e": {"dtype": "U8", "shape": [0], "data_offsets": [16, 16]}})";
  const auto file = read(file_with_header(header, std::string(16, 'x')));
  ASSERT_EQ(file.tensors.size(), 3u);
  EXPECT_EQ(file.stamp.bytes, 8 + header.size() + 16);
  EXPECT_EQ(file.tensors[0].name, "a");
  EXPECT_EQ(file.tensors[0].dtype, "BF16");
  EXPECT_EQ(file.tensors[0].shape, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(file.tensors[0].begin, 8 + header.size());
  EXPECT_EQ(file.tensors[1].begin, 8 + header.size() + 4);
  EXPECT_EQ(file.tensors[1].bytes, 12u);
  EXPECT_EQ(file.tensors[2].bytes, 0u);
}

TEST_F(SafetensorsHeader, KnowsTheTypesOfTheFormat) {
  const std::pair<const char*, mx::Dtype> types[] = {
      {"F64", mx::float64},   {"F32", mx::float32},   {"F16", mx::float16},
      {"BF16", mx::bfloat16}, {"I64", mx::int64},     {"I32", mx::int32},
      {"I16", mx::int16},     {"I8", mx::int8},       {"U64", mx::uint64},
      {"U32", mx::uint32},    {"U16", mx::uint16},    {"U8", mx::uint8},
      {"BOOL", mx::bool_},    {"F8_E4M3", mx::uint8}, {"F8_E8M0", mx::uint8}};
  for (const auto& [name, dtype] : types) {
    EXPECT_EQ(dtype_of({.name = "t", .dtype = name}), dtype) << name;
  }
}

TEST_F(SafetensorsHeader, OnlyFloatsCountAsFloats) {
  for (const char* dtype : {"F64", "F32", "F16", "BF16"}) {
    EXPECT_TRUE(is_float({.name = "t", .dtype = dtype})) << dtype;
  }
  for (const char* dtype : {"U32", "I8", "BOOL", "F8_E4M3"}) {
    EXPECT_FALSE(is_float({.name = "t", .dtype = dtype})) << dtype;
  }
}

TEST_F(SafetensorsHeader, APointerOfGitLfsIsToldAsWhatItIs) {
  EXPECT_EQ(
      complaint("version https://git-lfs.github.com/spec/v1\noid sha256:1\n"),
      "a pointer of Git LFS, not the file itself; git lfs pull fetches it");
}

TEST_F(SafetensorsHeader, ALengthThatCannotBeIsRefusedBeforeMemoryIsAsked) {
  EXPECT_EQ(
      complaint(length_bytes(100'000'000'001) + "{}"),
      "not a safetensors file: its header would take 100000000001 bytes, "
      "expected at most 100000000");
  EXPECT_EQ(
      complaint(std::string(64, '\xff')),
      "not a safetensors file: its header would take 18446744073709551615 "
      "bytes, expected at most 100000000");
  EXPECT_EQ(
      complaint(length_bytes(99'000'000) + "{}"),
      "truncated: 10 bytes, its header alone takes 99000008");
  EXPECT_EQ(complaint(""), "truncated: only 0 bytes");
}

TEST_F(SafetensorsHeader, WhatIsNotAnObjectOfTensorsIsRefused) {
  EXPECT_EQ(complaint("", 0), "corrupt: its header is not a JSON object");
  EXPECT_EQ(complaint("[]", 0), "corrupt: its header is not a JSON object");
  EXPECT_EQ(
      complaint(std::string(5000, '['), 0),
      "corrupt: its header is not a JSON object");
  EXPECT_EQ(
      complaint(R"({"a": 3})", 0), "corrupt: tensor a lacks dtype, a text");
  EXPECT_EQ(
      complaint(R"({"a": {"dtype": "U8", "data_offsets": [0, 1]}})", 1),
      "corrupt: tensor a lacks shape, a list of numbers");
  for (const char* offsets : {"[0]", "[0, -1]", "[0, 1, 1]", "[0, 1.5]"}) {
    EXPECT_EQ(
        complaint(
            std::string(R"({"a": {"dtype": "U8", "shape": [1], )") +
                R"("data_offsets": )" + offsets + "}}",
            1),
        "corrupt: tensor a lacks data_offsets, two numbers from 0");
  }
}

TEST_F(SafetensorsHeader, NamesAndShapesHaveALimit) {
  const auto named = [&](const std::string& name) {
    return complaint(
        R"({")" + name +
            R"(": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}})",
        1);
  };
  EXPECT_EQ(named(std::string(1024, 'x')), "accepted");
  EXPECT_EQ(
      named(std::string(1025, 'x')),
      "corrupt: a tensor's name has 1025 bytes, expected at most 1024, none of "
      "them a control character");
  EXPECT_EQ(
      named(R"(a\nb)"),
      "corrupt: a tensor's name has 3 bytes, expected at most 1024, none of "
      "them a control character");
  EXPECT_EQ(
      complaint(
          R"({"a": {"dtype": "U8", "shape": [1,1,1,1,1,1,1,1,1],
              "data_offsets": [0, 1]}})",
          1),
      "corrupt: tensor a has 9 axes, expected at most 8");
}

TEST_F(SafetensorsHeader, OverlappingTensorsAreRefused) {
  EXPECT_EQ(
      complaint(
          R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
              "b": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}})",
          12),
      "corrupt: tensor b overlaps a");
  EXPECT_EQ(
      complaint(
          R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
              "b": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}})",
          8),
      "corrupt: tensor b overlaps a");
}

TEST_F(SafetensorsHeader, BytesOfNoTensorAreRefused) {
  EXPECT_EQ(
      complaint(
          R"({"a": {"dtype": "U8", "shape": [2], "data_offsets": [3, 5]}})", 5),
      "corrupt: 3 bytes in front of tensor a are nobody's");
}

TEST_F(SafetensorsHeader, WhatIsSaidTwiceIsRefusedHoweverItIsWritten) {
  const char* const headers[] = {
      R"({"a\"": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]},
          "b": {"dtype": "U8", "shape": [2], "data_offsets": [2, 4]},
          "a\"" : {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]}})",
      R"({"w": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]},
          "\u0077": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}})",
      R"({"a": {"dtype": "U8", "dtype": "I8", "shape": [4],
          "data_offsets": [0, 4]}})"};
  for (const char* header : headers) {
    EXPECT_EQ(complaint(header, 4), "corrupt: its header says something twice");
  }
}

TEST_F(SafetensorsHeader, NumbersThatWouldOverflowAreRefused) {
  EXPECT_EQ(
      complaint(
          R"({"a": {"dtype": "F32", "shape": [2],
              "data_offsets": [18446744073709551608, 0]}})",
          8),
      "corrupt: tensor a lies from 18446744073709551608 to 0, which is "
      "nowhere");
  EXPECT_EQ(
      complaint(
          R"({"a": {"dtype": "F32", "shape": [2],
              "data_offsets": [18446744073709551607, 18446744073709551615]}})",
          8),
      "corrupt: tensor a lies from 18446744073709551607 to "
      "18446744073709551615, which is nowhere");
  for (const char* shape :
       {"2147483648", "65536, 65536, 65536, 65536", "-1", "2147483647, 0, -5",
        "0, 2147483647, 2147483647"}) {
    EXPECT_EQ(
        complaint(
            std::string(R"({"a": {"dtype": "U8", "shape": [)") + shape +
                R"(], "data_offsets": [0, 0]}})",
            0),
        "corrupt: tensor a has shape (" + std::string(shape) +
            "), expected sizes of at most 2147483647 and a product of at most "
            "281474976710656");
  }
}

TEST_F(SafetensorsHeader, AShapeAndItsBytesMustAgree) {
  EXPECT_EQ(
      complaint(
          R"({"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}})",
          8),
      "corrupt: tensor a takes 8 bytes, its shape needs 12");
  EXPECT_EQ(
      complaint(
          R"({"a": {"dtype": "Q7", "shape": [2], "data_offsets": [0, 8]}})", 8),
      "tensor a has the unknown type Q7, expected F64, F32, F16, BF16, I64, "
      "I32, I16, I8, U64, U32, U16, U8, BOOL, F8_E4M3, F8_E8M0");
}

} // namespace
} // namespace parallm
