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
  EXPECT_EQ(
      complaint({{"quant_method", "awq"}}),
      "quantization.quant_method is \"awq\", expected mxfp4, or none, as in "
      "MLX checkpoints");
}

} // namespace
} // namespace parallm
