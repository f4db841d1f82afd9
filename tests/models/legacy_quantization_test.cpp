#include "models/legacy_quantization.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/check.h"
#include "nn/weight.h"
#include "tests/support/arrays.h"
#include "tests/support/safetensors_bytes.h"
#include "tests/support/temporary_folder.h"

// One module "w", packed here as its makers' tools do, against its numbers.
namespace parallm {
namespace {

using namespace test;

using Tensors = std::unordered_map<std::string, mx::array>;
using Codes = std::vector<std::vector<int>>; // below 16

constexpr int kOutputs = 24, kInputs = 96, kGroup = 32;
constexpr int kGroups = kInputs / kGroup;
const std::vector<int> kInOrder{0, 1, 2, 3, 4, 5, 6, 7};
const std::vector<int> kAwqOrder{0, 2, 4, 6, 1, 3, 5, 7};

Codes random_codes(int rows, int columns, uint32_t seed) {
  const auto values = random_floats(static_cast<size_t>(rows) * columns, seed);
  Codes codes(rows, std::vector<int>(columns));
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < columns; ++c) {
      const float value = values[static_cast<size_t>(r) * columns + c];
      codes[r][c] = static_cast<int>(std::abs(value) * 1000) % 16;
    }
  }
  return codes;
}

Codes transposed(const Codes& codes) {
  Codes other(codes[0].size(), std::vector<int>(codes.size()));
  for (size_t r = 0; r < codes.size(); ++r) {
    for (size_t c = 0; c < codes[0].size(); ++c) {
      other[c][r] = codes[r][c];
    }
  }
  return other;
}

// Eight in a row become a word; place i of it holds the one that `order` names.
mx::array words(const Codes& codes, const std::vector<int>& order) {
  std::vector<int32_t> words;
  for (const auto& row : codes) {
    for (size_t at = 0; at < row.size(); at += 8) {
      uint32_t word = 0;
      for (size_t place = 0; place < 8; ++place) {
        word |= static_cast<uint32_t>(row[at + order[place]]) << (4 * place);
      }
      words.push_back(static_cast<int32_t>(word));
    }
  }
  return mx::array(
      words.data(),
      {static_cast<int>(codes.size()), static_cast<int>(codes[0].size()) / 8},
      mx::int32);
}

class LegacyQuantization : public testing::Test {
 protected:
  static Tensors awq(const Codes& codes, const Codes& zeros) {
    return {
        {"w.qweight", words(transposed(codes), kAwqOrder)},
        {"w.qzeros", words(transposed(zeros), kAwqOrder)},
        {"w.scales", mx::transpose(scales())}};
  }
  static Tensors gptq(const Codes& codes, Codes zeros, int zero_offset) {
    for (auto& row : zeros) {
      for (int& zero : row) {
        zero = (zero + 16 - zero_offset) % 16;
      }
    }
    return {
        {"w.qweight", mx::transpose(words(codes, kInOrder))},
        {"w.qzeros", words(transposed(zeros), kInOrder)},
        {"w.scales", mx::transpose(scales())}};
  }

  // Powers of two, so that biases are exact.
  static mx::array scales() {
    std::vector<float> values(static_cast<size_t>(kOutputs) * kGroups);
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = std::ldexp(1.0f, -static_cast<int>(i % 7));
    }
    return mx::array(values.data(), {kOutputs, kGroups}, mx::float32);
  }

  // (code - zero) * scale
  static mx::array numbers(
      const Codes& codes,
      const Codes& zeros,
      const std::vector<int>& group_of) {
    const auto scale = floats(scales());
    std::vector<float> values;
    for (int n = 0; n < kOutputs; ++n) {
      for (int k = 0; k < kInputs; ++k) {
        const int group = group_of[k];
        values.push_back(
            static_cast<float>(codes[n][k] - zeros[n][group]) *
            scale[static_cast<size_t>(n) * kGroups + group]);
      }
    }
    return mx::array(values.data(), {kOutputs, kInputs}, mx::float32);
  }

  static std::vector<int> neighbours() {
    std::vector<int> group_of;
    for (int k = 0; k < kInputs; ++k) {
      group_of.push_back(k / kGroup);
    }
    return group_of;
  }

  void save(const Tensors& tensors) {
    Tensors whole;
    for (const auto& [name, tensor] : tensors) {
      whole.emplace(name, mx::contiguous(tensor));
    }
    mx::save_safetensors(
        (folder_.path() / "model.safetensors").string(), whole);
  }

  // MLX has no 8-bit floats, and wrote U8.
  void save_float8(const Tensors& tensors) {
    save(tensors);
    const std::string file = folder_.read("model.safetensors").substr(8);
    const std::string dtype = "\"U8\"";
    const size_t at = file.find(dtype), end = file.find("}}") + 2;
    ASSERT_LT(at, end);
    std::string header = file.substr(0, end);
    header.replace(at, dtype.size(), "\"F8_E4M3\"");
    folder_.write(
        "model.safetensors", file_with_header(header, file.substr(end)));
  }

  Quantization quantization(const std::string& block) {
    folder_.write(
        "config.json", fmt::format(R"({{"quantization_config": {}}})", block));
    return Quantization::read(ConfigJson::read(folder_.path() / "config.json"));
  }

  // All that the file holds must be needed.
  mx::array load(const std::string& block) {
    Checkpoint checkpoint(folder_.path(), std::nullopt);
    const auto read = quantization(block);
    repack_legacy(checkpoint, read);
    const Weight weight(checkpoint, "w", kOutputs, kInputs, read);
    EXPECT_EQ(
        count_numbers(WeightFiles::find(folder_.path()), read),
        size_t{kOutputs} * kInputs);
    packed_ = checkpoint.held_bytes() < size_t{kOutputs} * kInputs * 2;
    checkpoint.finish();
    return weight.unpacked();
  }

  std::string complaint(const std::string& block) {
    try {
      load(block);
    } catch (const StartError& error) {
      EXPECT_EQ(error.exit_code, kExitBadData);
      const std::string what = error.what();
      return what.substr(what.find(": ") + 2);
    }
    return "accepted";
  }

  const std::string awq_ =
      R"({"quant_method": "awq", "bits": 4, "group_size": 32})";
  const std::string gptq_ =
      R"({"quant_method": "gptq", "bits": 4, "group_size": 32})";
  const std::string any_order_ =
      R"({"quant_method": "gptq", "bits": 4, "group_size": 32,
          "desc_act": true})";
  const Codes codes_ = random_codes(kOutputs, kInputs, 1);
  const Codes zeros_ = random_codes(kOutputs, kGroups, 2);
  bool packed_ = false; // what load() gave
  TemporaryFolder folder_;
};

TEST_F(LegacyQuantization, KeepsAwqPacked) {
  save(awq(codes_, zeros_));
  EXPECT_TRUE(same_bits(load(awq_), numbers(codes_, zeros_, neighbours())));
  EXPECT_TRUE(packed_);
}

// As mlx-lm does, which knows no other layout.
TEST_F(LegacyQuantization, SeesAwqsLayoutUnderGptqsName) {
  save(awq(codes_, zeros_));
  EXPECT_TRUE(same_bits(load(gptq_), numbers(codes_, zeros_, neighbours())));
}

TEST_F(LegacyQuantization, WithoutZerosCodesLieAboutEight) {
  auto tensors = awq(codes_, zeros_);
  tensors.erase("w.qzeros");
  save(tensors);
  const Codes eights(kOutputs, std::vector<int>(kGroups, 8));
  EXPECT_TRUE(same_bits(load(awq_), numbers(codes_, eights, neighbours())));
}

TEST_F(LegacyQuantization, KeepsGptqPackedAndAddsOneToItsZeros) {
  auto tensors = gptq(codes_, zeros_, 1);
  tensors.emplace("w.g_idx", ints(neighbours()));
  save(tensors);
  EXPECT_TRUE(same_bits(load(gptq_), numbers(codes_, zeros_, neighbours())));
  EXPECT_TRUE(packed_);
}

TEST_F(LegacyQuantization, TakesTheZerosOfGptqsSecondFormatAsTheyAre) {
  save(gptq(codes_, zeros_, 0));
  const auto second =
      R"({"quant_method": "gptq", "bits": 4, "group_size": 32,
          "checkpoint_format": "gptq_v2"})";
  EXPECT_TRUE(same_bits(load(second), numbers(codes_, zeros_, neighbours())));
}

TEST_F(LegacyQuantization, GptqInAnyOrderBecomesDense) {
  std::vector<int> group_of;
  for (int k = 0; k < kInputs; ++k) {
    group_of.push_back(k * 7 % kInputs / kGroup);
  }
  auto tensors = gptq(codes_, zeros_, 1);
  tensors.emplace("w.g_idx", ints(group_of));
  save(tensors);
  EXPECT_TRUE(same_bits(load(any_order_), numbers(codes_, zeros_, group_of)));
  EXPECT_FALSE(packed_);
}

TEST_F(LegacyQuantization, NamesAnInputInAnUnexpectedGroup) {
  auto group_of = neighbours();
  group_of[40] = 2;
  auto tensors = gptq(codes_, zeros_, 1);
  tensors.emplace("w.g_idx", ints(group_of));
  save(tensors);
  EXPECT_EQ(
      complaint(gptq_),
      "cannot be read: tensor w.g_idx has input 40 in group 2, expected 1, as "
      "desc_act is false");
}

TEST_F(LegacyQuantization, KeepsGroupsOfInputsWithinThoseThereAre) {
  auto stored = neighbours(), meant = neighbours();
  stored[0] = 1000000000;
  meant[0] = kGroups - 1;
  stored[95] = -5;
  meant[95] = 0;
  auto tensors = gptq(codes_, zeros_, 1);
  tensors.emplace("w.g_idx", ints(stored));
  save(tensors);
  EXPECT_TRUE(same_bits(load(any_order_), numbers(codes_, zeros_, meant)));
}

// As many groups of 128 as there are inputs, all alike.
TEST_F(LegacyQuantization, KeepsGptqsOneGroupOfAllInputsPacked) {
  const Codes codes = random_codes(kOutputs, 256, 3);
  const Codes zeros = random_codes(kOutputs, 1, 4);
  std::vector<float> expected;
  for (int n = 0; n < kOutputs; ++n) {
    for (const int code : codes[n]) {
      expected.push_back(0.5f * static_cast<float>(code - zeros[n][0]));
    }
  }
  save(
      {{"w.qweight", mx::transpose(words(codes, kInOrder))},
       {"w.qzeros", words(transposed(zeros), kInOrder)},
       {"w.scales", mx::full({1, kOutputs}, 0.5f)},
       {"w.g_idx", mx::zeros({256}, mx::int32)}});
  Checkpoint checkpoint(folder_.path(), std::nullopt);
  const auto read = quantization(
      R"({"quant_method": "gptq", "bits": 4, "group_size": -1,
          "checkpoint_format": "gptq_v2"})");
  repack_legacy(checkpoint, read);
  const Weight weight(checkpoint, "w", kOutputs, 256, read);
  checkpoint.finish();
  EXPECT_EQ(std::get<PanelWeight>(weight.arrays()).layout.group_size, 128);
  EXPECT_EQ(floats(weight.unpacked()), expected);
}

// 96 of them are no whole group of 128.
TEST_F(LegacyQuantization, RefusesOneGroupThatIsNoMultipleOfMlxs) {
  save(
      {{"w.qweight", mx::transpose(words(codes_, kInOrder))},
       {"w.scales", mx::ones({1, kOutputs})}});
  const auto block = R"({"quant_method": "gptq", "bits": 4, "group_size": -1})";
  EXPECT_EQ(
      complaint(block),
      "quantization: w has 96 inputs, expected a multiple of the group size "
      "128");
}

// AutoGPTQ gives each layer one.
TEST_F(LegacyQuantization, ABiasThatTheModelLacksMayBeOfZerosOnly) {
  const auto said_of = [&](const mx::array& bias) {
    auto tensors = gptq(codes_, zeros_, 1);
    tensors.emplace("w.bias", bias);
    save(tensors);
    Checkpoint checkpoint(folder_.path(), std::nullopt);
    const auto read = quantization(gptq_);
    repack_legacy(checkpoint, read);
    const Weight weight(checkpoint, "w", kOutputs, kInputs, read);
    drop_spare_biases(checkpoint, read);
    try {
      checkpoint.finish();
    } catch (const StartError& error) {
      const std::string what = error.what();
      return what.substr(what.find(": ") + 2);
    }
    return std::string("accepted");
  };
  EXPECT_EQ(said_of(mx::zeros({kOutputs}, mx::float16)), "accepted");
  EXPECT_EQ(
      said_of(mx::astype(mx::arange(kOutputs), mx::float16)),
      "tensor w.bias has numbers other than 0, expected none: the model has no "
      "such tensor");
}

TEST_F(LegacyQuantization, KeepsCompressedTensorsPacked) {
  save(
      {{"w.weight_packed", words(codes_, kInOrder)},
       {"w.weight_scale", scales()},
       {"w.weight_shape", ints({kOutputs, kInputs})}});
  const Codes eights(kOutputs, std::vector<int>(kGroups, 8));
  EXPECT_TRUE(same_bits(
      load(R"({"quant_method": "compressed-tensors",
               "format": "pack-quantized"})"),
      numbers(codes_, eights, neighbours())));
  EXPECT_TRUE(packed_);
}

// Where llm-compressor rounds in the order of activations, each input has a
// group of its own; -1 is that of its place.
TEST_F(LegacyQuantization, CompressedTensorsInAnyOrderBecomeDense) {
  std::vector<int> group_of;
  for (int k = 0; k < kInputs; ++k) {
    group_of.push_back(k * 7 % kInputs / kGroup);
  }
  const Codes eights(kOutputs, std::vector<int>(kGroups, 8));
  const auto load_ordered = [&](const std::vector<int>& stored) {
    save(
        {{"w.weight_packed", words(codes_, kInOrder)},
         {"w.weight_scale", scales()},
         {"w.weight_g_idx", ints(stored)}});
    return load(R"({"quant_method": "compressed-tensors",
                    "format": "pack-quantized"})");
  };
  EXPECT_TRUE(
      same_bits(load_ordered(group_of), numbers(codes_, eights, group_of)));
  EXPECT_FALSE(packed_);
  EXPECT_TRUE(same_bits(
      load_ordered(std::vector<int>(kInputs, -1)),
      numbers(codes_, eights, neighbours())));
}

TEST_F(LegacyQuantization, NamesAMisshapenCompressedTensor) {
  const auto block = R"({"quant_method": "compressed-tensors",
                         "format": "mxfp4-pack-quantized"})";
  const auto scale = mx::zeros({kOutputs, 3}, mx::uint8);
  save(
      {{"w.weight_packed", mx::zeros({kOutputs, 46}, mx::uint8)},
       {"w.weight_scale", scale}});
  EXPECT_EQ(
      complaint(block),
      "tensor w.weight_packed has shape (24, 46), expected a matrix with a "
      "multiple of 4 columns");
  save(
      {{"w.weight_packed", words(codes_, kInOrder)},
       {"w.weight_g_idx", ints(neighbours())},
       {"w.weight_scale", mx::ones({kOutputs, 5})}});
  EXPECT_EQ(
      complaint(R"({"quant_method": "compressed-tensors",
                    "format": "pack-quantized"})"),
      "tensor w.weight_scale has shape (24, 5), expected 24 rows and a divisor "
      "of 96 columns");
}

TEST_F(LegacyQuantization, TakesCompressedMxfp4AsItIs) {
  const auto packed =
      mx::quantize(random_array({kOutputs, kInputs}, 3), 32, 4, "mxfp4");
  save(
      {{"w.weight_packed", mx::view(packed[0], mx::uint8)},
       {"w.weight_scale", packed[1]}});
  EXPECT_TRUE(same_bits(
      load(R"({"quant_method": "compressed-tensors",
               "format": "mxfp4-pack-quantized"})"),
      mx::dequantize(packed[0], packed[1], std::nullopt, 32, 4, "mxfp4")));
}

TEST_F(LegacyQuantization, OneFloat8ScaleIsOfAllNumbers) {
  const auto w = random_array({kOutputs, kInputs}, 4);
  const auto bytes = mx::to_fp8(w);
  for (const char* scale : {"w.weight_scale_inv", "w.weight_scale"}) {
    save_float8(
        {{"w.weight", bytes},
         {scale, mx::array(0.3f, mx::bfloat16)},
         {"w.activation_scale", mx::array(2.0f)}});
    EXPECT_TRUE(same_bits(
        load(R"({"quant_method": "fp8", "weight_block_size": null})"),
        mx::from_fp8(bytes, mx::bfloat16) * mx::array(0.3f, mx::bfloat16)));
  }
}

TEST_F(LegacyQuantization, BlocksOfFloat8MayBeCutOff) {
  const auto bytes = mx::to_fp8(random_array({kOutputs, kInputs}, 5));
  const auto scales = random_array({2, 3}, 6);
  save_float8({{"w.weight", bytes}, {"w.weight_scale_inv", scales}});
  const auto of_rows = mx::repeat(scales, 20, 0);
  const auto of_all =
      mx::slice(mx::repeat(of_rows, 40, 1), {0, 0}, {kOutputs, kInputs});
  EXPECT_TRUE(same_bits(
      load(R"({"quant_method": "fp8", "weight_block_size": [20, 40]})"),
      mx::astype(mx::from_fp8(bytes, mx::bfloat16) * of_all, mx::bfloat16)));
}

TEST_F(LegacyQuantization, NamesAMisshapenTensor) {
  auto tensors = gptq(codes_, zeros_, 1);
  tensors.insert_or_assign("w.scales", mx::ones({3, 32}));
  save(tensors);
  EXPECT_EQ(
      complaint(gptq_),
      "tensor w.qweight has shape (12, 24), expected (inputs, outputs / 8) or "
      "(inputs / 8, outputs), multiples of 8, as the scales have shape (3, "
      "32)");
  tensors = gptq(codes_, zeros_, 1);
  tensors.insert_or_assign("w.scales", mx::ones({4, kOutputs}));
  save(tensors);
  EXPECT_EQ(
      complaint(gptq_),
      "tensor w.scales has shape (4, 24), expected as many rows as there are "
      "groups of 32 in 96 inputs");
  tensors.insert_or_assign("w.scales", mx::ones({0, kOutputs}));
  save(tensors);
  EXPECT_EQ(
      complaint(any_order_),
      "tensor w.qweight has shape (12, 24), expected (inputs, outputs / 8) or "
      "(inputs / 8, outputs), multiples of 8, as the scales have shape (0, "
      "24)");
  tensors = gptq(codes_, zeros_, 1);
  tensors.insert_or_assign("w.qzeros", mx::zeros({3, 2}, mx::int32));
  save(tensors);
  EXPECT_EQ(
      complaint(gptq_), "tensor w.qzeros has shape (3, 2), expected (3, 3)");
}

TEST_F(LegacyQuantization, NamesAMissingOrWrongFloat8Tensor) {
  const auto scale = mx::array(2.0f);
  const auto float8 = R"({"quant_method": "fp8"})";
  save({{"w.weight_scale_inv", scale}});
  EXPECT_EQ(complaint(float8), "tensor w.weight is missing");
  save(
      {{"w.weight", mx::ones({kOutputs, kInputs})},
       {"w.weight_scale_inv", scale}});
  EXPECT_EQ(
      complaint(float8),
      "tensor w.weight has shape (24, 96) and numbers of 4 bytes, expected a "
      "matrix of F8_E4M3, as it has a scale beside it");
  save(
      {{"w.weight", mx::zeros({kOutputs, kInputs}, mx::uint8)},
       {"w.weight_scale_inv", mx::ones({2, 1})}});
  EXPECT_EQ(
      complaint(float8),
      "tensor w.weight_scale_inv has shape (2, 1), expected one float, or (1, "
      "1), one for each 128 x 128 block");
}

} // namespace
} // namespace parallm
