#include "nn/quantization.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "base/check.h"
#include "tests/support/temporary_folder.h"

namespace parallm {
namespace {

namespace json = boost::json;

Quantization read(const json::object& config, const std::string& prefix = "") {
  test::TemporaryFolder folder;
  folder.write("config.json", json::serialize(config));
  return Quantization::read(
      ConfigJson::read(folder.path() / "config.json"), prefix);
}

// Of the block "quantization" without the file's path, or "accepted".
std::string complaint(const json::object& block) {
  try {
    read({{"quantization", block}});
  } catch (const StartError& error) {
    EXPECT_EQ(error.exit_code, kExitBadData);
    const std::string what = error.what();
    return what.substr(what.find("config.json: ") + 13);
  }
  return "accepted";
}

json::object spec(const char* mode, int bits, int group_size) {
  return {{"mode", mode}, {"bits", bits}, {"group_size", group_size}};
}

TEST(Quantization, IsAbsentWithoutABlock) {
  const auto q = read({});
  EXPECT_FALSE(q.present());
  EXPECT_FALSE(q.spec("a", true));
  EXPECT_EQ(q.text(), "");
}

TEST(Quantization, FindsALayerWithAndWithoutThePrefix) {
  json::object block = spec("affine", 4, 64);
  block["text.a"] = spec("affine", 8, 32);
  const auto q = read({{"quantization", block}}, "text.");
  EXPECT_EQ(q.spec("a", true)->bits, 8);
  EXPECT_EQ(q.spec("text.a", true)->bits, 8);
  EXPECT_EQ(q.spec("text.b", true)->bits, 4);
}

TEST(Quantization, ReadsEveryFormThatMlxWrites) {
  for (const int bits : {2, 3, 4, 5, 6, 8}) {
    for (const int group_size : {32, 64, 128}) {
      const auto q = read({{"quantization", spec("affine", bits, group_size)}});
      EXPECT_EQ(q.spec("a", true)->bits, bits);
      EXPECT_EQ(q.spec("a", true)->group_size, group_size);
      EXPECT_EQ(q.text(), "affine-" + std::to_string(bits) + "bit");
    }
  }
  const auto mode_of = [](const json::object& block) {
    const auto q = read({{"quantization", block}});
    EXPECT_EQ(q.text(), block.at("mode").as_string());
    return q.spec("a", true)->mode;
  };
  EXPECT_EQ(mode_of(spec("mxfp4", 4, 32)), QuantMode::kMxfp4);
  EXPECT_EQ(mode_of(spec("nvfp4", 4, 16)), QuantMode::kNvfp4);
  EXPECT_EQ(mode_of(spec("mxfp8", 8, 32)), QuantMode::kMxfp8);
}

TEST(Quantization, PrefersALayersOwnEntry) {
  const auto q = read(
      {{"quantization",
        {{"group_size", 64},
         {"bits", 4},
         {"a", {{"bits", 8}, {"group_size", 32}}},
         {"b", false},
         {"d", true}}}});
  EXPECT_EQ(q.spec("a", false)->bits, 8);
  EXPECT_EQ(q.spec("a", false)->group_size, 32);
  EXPECT_FALSE(q.spec("b", true));
  EXPECT_EQ(q.spec("c", true)->bits, 4);
  EXPECT_FALSE(q.spec("c", false));
  EXPECT_EQ(q.spec("d", false)->bits, 4);
}

// gpt-oss with packed attention: experts in mxfp4, and entries that say no
// mode. mlx-lm hands an entry alone to MLX, which fills in its own defaults.
TEST(Quantization, ALayersEntryTakesOverNothingFromTheModels) {
  const auto q = read(
      {{"quantization",
        {{"group_size", 32},
         {"bits", 4},
         {"mode", "mxfp4"},
         {"q", {{"bits", 8}}},
         {"e", {{"mode", "mxfp8"}}},
         {"n", {{"mode", "nvfp4"}, {"global_scale", true}}}}}});
  EXPECT_EQ(q.spec("q", true)->mode, QuantMode::kAffine);
  EXPECT_EQ(q.spec("q", true)->group_size, 64);
  EXPECT_EQ(q.spec("q", true)->bits, 8);
  EXPECT_EQ(q.spec("e", true)->mode, QuantMode::kMxfp8);
  EXPECT_EQ(q.spec("e", true)->bits, 8);
  EXPECT_EQ(q.spec("n", true)->group_size, 16);
  EXPECT_EQ(q.spec("other", true)->mode, QuantMode::kMxfp4);
}

TEST(Quantization, TakesOpenAisMxfp4AsMlxLmDoes) {
  const auto q = read(
      {{"quantization_config",
        {{"modules_to_not_convert", {"lm_head"}}, {"quant_method", "mxfp4"}}}});
  EXPECT_EQ(q.spec("a", true)->mode, QuantMode::kMxfp4);
  EXPECT_EQ(q.spec("a", true)->group_size, 32);
  EXPECT_EQ(q.spec("a", true)->bits, 4);
  EXPECT_FALSE(q.spec("a", false));
}

TEST(Quantization, RefusesFormsThatMlxDoesNotWrite) {
  EXPECT_EQ(
      complaint(spec("affine", 7, 64)),
      "quantization.bits is 7, expected 2, 3, 4, 5, 6 or 8");
  EXPECT_EQ(
      complaint(spec("affine", 4, 16)),
      "quantization.group_size is 16, expected 32, 64 or 128");
  EXPECT_EQ(
      complaint(spec("mxfp4", 4, 64)),
      "quantization.group_size is 64, expected 32, as the mode is mxfp4");
  EXPECT_EQ(
      complaint(spec("nvfp4", 4, 32)),
      "quantization.group_size is 32, expected 16, as the mode is nvfp4");
  EXPECT_EQ(
      complaint(spec("mxfp8", 4, 32)),
      "quantization.bits is 4, expected 8, as the mode is mxfp8");
  EXPECT_EQ(
      complaint(spec("int4", 4, 32)),
      "quantization.mode is \"int4\", expected affine, mxfp4, nvfp4 or mxfp8");
  auto layered = spec("affine", 4, 64);
  layered["a.b"] = spec("mxfp8", 8, 64);
  EXPECT_EQ(
      complaint(layered),
      "quantization.a.b.group_size is 64, expected 32, as the mode is mxfp8");
  EXPECT_EQ(
      complaint({{"bits", 4}}),
      "quantization.group_size is missing, expected an integer of at least 1");
}

QuantSpec legacy_spec(const json::object& block) {
  return read({{"quantization_config", block}}).spec("a", true).value();
}

TEST(Quantization, ReadsTheMethodsThatMlxLmTakes) {
  const auto awq = legacy_spec({{"quant_method", "awq"}, {"group_size", 64}});
  EXPECT_EQ(awq.bits, 4);
  EXPECT_EQ(awq.group_size, 64);
  EXPECT_EQ(awq.mode, QuantMode::kAffine);
  EXPECT_EQ(legacy_spec({{"quant_method", "gptq"}}).group_size, 128);
  EXPECT_EQ(legacy_spec({{"quant_method", "mxfp8"}}).mode, QuantMode::kMxfp8);
  const auto compressed = [](const char* format) {
    return legacy_spec(
        {{"quant_method", "compressed-tensors"}, {"format", format}});
  };
  EXPECT_EQ(compressed("pack-quantized").group_size, 32);
  EXPECT_EQ(compressed("mxfp4-pack-quantized").mode, QuantMode::kMxfp4);
  EXPECT_EQ(compressed("nvfp4-pack-quantized").mode, QuantMode::kNvfp4);
}

// As in mlx-lm, the model's own spec counts for no layer that is packed
// otherwise.
TEST(Quantization, InfersALayerWithoutAnEntryFromItsShapes) {
  auto block = spec("affine", 4, 64);
  block["named"] = spec("affine", 8, 32);
  auto q = read({{"quantization", block}}, "text.");
  const auto learn = [&](const char* name, int words, int groups,
                         const char* scales) {
    const std::string at = name;
    q.learn(
        {.tensors = {
             {.name = at + ".weight", .dtype = "U32", .shape = {5, words}},
             {.name = at + ".scales", .dtype = scales, .shape = {5, groups}}}});
  };
  learn("text.a", 12, 4, "BF16"); // 3 bits in groups of 32
  learn("n", 16, 8, "U8");
  learn("m", 16, 4, "U8");
  learn("e", 32, 4, "U8");
  learn("odd", 17, 4, "BF16");
  learn("named", 16, 4, "BF16");
  const auto is = [&](const char* path, int group_size, int bits,
                      QuantMode mode) {
    const auto found = q.spec(path, true, 128);
    EXPECT_EQ(found->group_size, group_size) << path;
    EXPECT_EQ(found->bits, bits) << path;
    EXPECT_EQ(found->mode, mode) << path;
  };
  is("a", 32, 3, QuantMode::kAffine);
  is("n", 16, 4, QuantMode::kNvfp4);
  is("m", 32, 4, QuantMode::kMxfp4);
  is("e", 32, 8, QuantMode::kMxfp8);
  is("odd", 64, 4, QuantMode::kAffine); // which the weight then refuses
  is("named", 32, 8, QuantMode::kAffine);
  is("unseen", 64, 4, QuantMode::kAffine);
  EXPECT_FALSE(q.spec("a", false, 128));
}

TEST(Quantization, LooksIntoTheTextPartLast) {
  const json::object awq{{"quant_method", "awq"}};
  const json::object mxfp4{{"quant_method", "mxfp4"}};
  const json::object text{{"quantization_config", awq}};
  EXPECT_EQ(read({{"text_config", text}}).text(), "affine-4bit");
  EXPECT_EQ(
      read({{"quantization_config", mxfp4}, {"text_config", text}}).text(),
      "mxfp4");
}

TEST(Quantization, WhatBecomesDenseHasNoSpec) {
  const auto gptq = read(
      {{"quantization_config",
        {{"quant_method", "gptq"}, {"desc_act", true}}}});
  EXPECT_FALSE(gptq.present());
  EXPECT_TRUE(gptq.legacy().any_order);
  const auto fp8 = read(
      {{"quantization_config",
        {{"quant_method", "fp8"}, {"weight_block_size", {64, 32}}}}});
  EXPECT_FALSE(fp8.present());
  EXPECT_EQ(fp8.legacy().block, (std::array<int, 2>{64, 32}));
}

TEST(Quantization, GptqsGroupOfAllInputsBecomesGroupsOfMlxs) {
  const auto block = [](int group_size) {
    return json::object{
        {"quantization_config",
         {{"quant_method", "gptq"}, {"group_size", group_size}}}};
  };
  EXPECT_EQ(read(block(-1)).spec("a", true)->group_size, 128);
  EXPECT_TRUE(read(block(-1)).legacy().one_group);
  EXPECT_FALSE(read(block(64)).legacy().one_group);
}

TEST(Quantization, RefusesMethodsThatAreNotRepacked) {
  EXPECT_EQ(
      complaint({{"quant_method", "bitnet"}}),
      "quantization.quant_method is \"bitnet\", expected awq, gptq, "
      "compressed-tensors, fp8, mxfp4, mxfp8, or none, as in MLX checkpoints");
  EXPECT_EQ(
      complaint({{"quant_method", "awq"}, {"bits", 8}}),
      "quantization.bits is 8, expected 4");
  EXPECT_EQ(
      complaint({{"quant_method", "awq"}, {"version", "gemv"}}),
      "quantization.version is \"gemv\", expected gemm or GEMM");
  EXPECT_EQ(
      complaint({{"quant_method", "gptq"}, {"checkpoint_format", "marlin"}}),
      "quantization.checkpoint_format is \"marlin\", expected gptq or "
      "gptq_v2");
  EXPECT_EQ(
      complaint({{"quant_method", "gptq"}, {"group_size", 16}}),
      "quantization.group_size is 16, expected 32, 64 or 128");
  EXPECT_EQ(
      complaint({{"quant_method", "fp8"}, {"weight_block_size", {128}}}),
      "quantization.weight_block_size is [128], expected two sizes of at most "
      "65536, as [128, 128]");
  EXPECT_EQ(
      complaint(
          {{"quant_method", "fp8"}, {"weight_block_size", {128, 2147483647}}}),
      "quantization.weight_block_size is [128,2147483647], expected two sizes "
      "of at most 65536, as [128, 128]");
}

// Of the weights of one group.
std::string compressed_complaint(const json::object& weights) {
  return complaint(
      {{"quant_method", "compressed-tensors"},
       {"format", "pack-quantized"},
       {"config_groups", {{"group_0", {{"weights", weights}}}}}});
}

TEST(Quantization, RefusesCompressedTensorsThatAreNotPackedNibbles) {
  EXPECT_EQ(
      complaint(
          {{"quant_method", "compressed-tensors"},
           {"format", "float-quantized"}}),
      "quantization.format is \"float-quantized\", expected pack-quantized, "
      "mxfp4-pack-quantized or nvfp4-pack-quantized");
  const std::string at = "quantization.config_groups.group_0.weights.";
  EXPECT_EQ(
      compressed_complaint({{"num_bits", 8}}),
      at + "num_bits is 8, expected 4");
  EXPECT_EQ(
      compressed_complaint({{"symmetric", false}}),
      at + "symmetric is false, expected true");
  EXPECT_EQ(
      compressed_complaint({{"strategy", "channel"}}),
      at + "strategy is \"channel\", expected group");
  EXPECT_EQ(compressed_complaint({{"num_bits", 4}}), "accepted");
}

} // namespace
} // namespace parallm
