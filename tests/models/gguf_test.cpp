#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/check.h"
#include "models/load.h"
#include "models/model_config.h"
#include "tests/support/arrays.h"
#include "tests/support/decoder.h"
#include "tests/support/gguf_bytes.h"
#include "tests/support/temporary_folder.h"

// The files of tests/data/gguf (tools/make_gguf.py).
namespace parallm {
namespace {

using namespace test;
using testing::HasSubstr;
namespace fs = std::filesystem;

const fs::path kData = PARALLM_TEST_DATA;

fs::path file(const std::string& name) {
  return kData / "gguf" / (name + ".gguf");
}

float range(const mx::array& logits) {
  return (mx::max(logits) - mx::min(logits)).item<float>();
}

mx::array logits_of(const fs::path& path, const std::vector<int32_t>& tokens) {
  const auto model = load_model(path, {.dtype = mx::float32});
  Decoder decoder(*model, 1);
  auto logits = decoder.step({{tokens, 0, 0}});
  mx::eval(logits);
  return logits;
}

// The same model as a folder and as a file.
class GgufCopy : public testing::TestWithParam<const char*> {};

TEST_P(GgufCopy, HasTheLogitsOfTheFolder) {
  std::vector<int32_t> tokens;
  for (int i = 0; i < 39; ++i) {
    tokens.push_back(i * 7 % 61);
  }
  const auto folder = logits_of(kData / "models" / GetParam(), tokens);
  const auto ours = logits_of(file(GetParam()), tokens);
  EXPECT_LT(max_difference(ours, folder), 2e-6f * range(folder));
}

TEST_P(GgufCopy, HasTheFactsOfTheFolder) {
  const auto folder = read_model_facts(kData / "models" / GetParam());
  const auto ours = read_model_facts(file(GetParam()));
  EXPECT_EQ(ours.arch.model_type, folder.arch.model_type);
  EXPECT_EQ(ours.arch.max_positions, folder.arch.max_positions);
  // A folder may have a table of turns besides.
  EXPECT_LE(ours.parameters, folder.parameters);
  EXPECT_LE(folder.parameters, ours.parameters + ours.arch.width / 2);
  EXPECT_EQ(ours.end_tokens, folder.end_tokens);
}

INSTANTIATE_TEST_SUITE_P(
    All,
    GgufCopy,
    testing::Values(
        "llama-f32",
        "llama-f16-tied",
        "llama-bf16-biases",
        "llama-llama3-rope",
        "llama-linear-rope",
        "mixtral",
        "qwen2",
        "qwen2_moe",
        "qwen3-f32",
        "qwen3_moe"));

float error_of(const std::string& name) {
  const auto path = kData / "gguf" / (name + ".safetensors");
  auto goldens = mx::load_safetensors(path.string()).first;
  auto tokens = goldens.at("tokens");
  mx::eval(tokens);
  const auto logits = logits_of(
      file(name),
      {tokens.data<int32_t>(), tokens.data<int32_t>() + tokens.size()});
  const auto& wanted = goldens.at("logits");
  const float error = max_difference(logits, wanted) / range(wanted);
  testing::Test::RecordProperty(name, fmt::format("{:.3g}", error));
  return error;
}

TEST(Gguf, HasTheLogitsOfMlxLmOnTheNumbersThatItsBlocksStandFor) {
  EXPECT_LT(error_of("packed-llama"), 2e-5f);
  EXPECT_LT(error_of("packed-qwen3"), 2e-5f);
  EXPECT_LT(error_of("packed-q5"), 2e-5f);
}

TEST(Gguf, HasTheLogitsOfMlxLmOnPackedExperts) {
  EXPECT_LT(error_of("packed-mixtral"), 2e-5f);
  EXPECT_LT(error_of("packed-qwen3_moe"), 2e-5f);
}

// Q6_K is not the same number for number (gguf_blocks.h).
TEST(Gguf, ComesCloseWhereSixBitsBecomeEight) {
  EXPECT_LT(error_of("packed-q6k"), 2e-2f);
}

// Its vocabulary has an end that its eos_token_id does not name.
TEST(Gguf, EndsWhereTheFolderEnds) {
  EXPECT_EQ(
      read_model_facts(file("tiny-chat")).end_tokens,
      read_model_facts(kData / "tiny-chat").end_tokens);
}

TEST(Gguf, StaysPacked) {
  const auto facts = read_model_facts(file("packed-llama"));
  EXPECT_LT(facts.weight_bytes, facts.parameters * 9 / 8);
  EXPECT_EQ(facts.arch.quantization.text(), "affine-4bit");
  EXPECT_EQ(
      read_model_facts(file("packed-q5")).arch.quantization.text(),
      "affine-5bit");
}

// What is said of a file whose bytes have been changed in one place.
std::string complaint(
    const std::string& name, const std::string& from, const std::string& to) {
  TemporaryFolder folder;
  std::ifstream in(file(name), std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  bytes.replace(bytes.find(from), from.size(), to);
  folder.write("model.gguf", bytes);
  try {
    load_model(folder.path());
  } catch (const StartError& error) {
    return error.what();
  }
  return "nothing";
}

TEST(Gguf, WithoutATensorIsRefusedByName) {
  EXPECT_THAT(
      complaint("llama-f32", "blk.1.ffn_up.weight", "blk.7.ffn_up.weight"),
      HasSubstr("model.gguf: tensor model.layers.1.mlp.up_proj.weight is "
                "missing"));
}

std::string counted(const std::string& setting, uint32_t count) {
  return setting + raw(uint32_t{4}) + raw(count); // 4: uint32
}

TEST(Gguf, RefusesAnotherNumberOfExpertsThanItsTensorsHave) {
  const std::string setting = "qwen3moe.expert_count";
  EXPECT_THAT(
      complaint("qwen3_moe", counted(setting, 5), counted(setting, 6)),
      HasSubstr("model.layers.0.mlp.gate.weight has shape (5, 40), expected "
                "(6, 40)"));
  EXPECT_THAT(
      complaint("packed-qwen3_moe", counted(setting, 3), counted(setting, 2)),
      HasSubstr("model.layers.0.mlp.gate.weight has shape (3, 256), expected "
                "(2, 256)"));
}

} // namespace
} // namespace parallm
