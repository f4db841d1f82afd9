#include "nn/gguf/gguf_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/check.h"
#include "nn/gguf/gguf_names.h"

namespace parallm {
namespace {

using testing::HasSubstr;

GgufTensor matrix(const std::string& name, GgufType type = GgufType::kF32) {
  return {.name = name, .type = type, .shape = {256, 256}};
}

GgufFile llama() {
  GgufFile file{.path = "x.gguf"};
  file.metadata = {
      {"general.architecture", "llama"},
      {"llama.embedding_length", int64_t{256}},
      {"llama.feed_forward_length", int64_t{512}},
      {"llama.block_count", int64_t{2}},
      {"llama.context_length", int64_t{128}},
      {"llama.attention.head_count", int64_t{8}},
      {"llama.attention.layer_norm_rms_epsilon", 1e-5}};
  file.tensors = {matrix("token_embd.weight")};
  return file;
}

std::string complaint(const std::function<void(GgufFile&)>& change) {
  GgufFile file = llama();
  change(file);
  try {
    gguf_config(file);
  } catch (const StartError& error) {
    EXPECT_EQ(error.exit_code, kExitBadData);
    return error.what();
  }
  return "nothing";
}

std::string complaint_with(const std::string& key, const GgufValue& value) {
  return complaint([&](GgufFile& file) { file.metadata[key] = value; });
}

TEST(GgufConfig, SaysWhatConfigJsonWould) {
  const auto config = gguf_config(llama());
  EXPECT_EQ(config.text("model_type"), "llama");
  EXPECT_EQ(config.integer("hidden_size", 0), 256);
  EXPECT_EQ(config.integer("vocab_size", 0), 256);
  EXPECT_EQ(config.number("rope_theta", 0, 1e9), 10000);
  EXPECT_TRUE(config.flag_or("tie_word_embeddings", false));
  EXPECT_FALSE(config.has("quantization"));
}

TEST(GgufConfig, SaysHowEachModuleIsPacked) {
  auto file = llama();
  file.tensors = {
      matrix("token_embd.weight", GgufType::kQ6_K),
      matrix("blk.0.attn_q.weight", GgufType::kQ4_K),
      matrix("blk.0.attn_k.weight", GgufType::kQ4_0), matrix("output.weight")};
  const auto block = gguf_config(file).object("quantization");
  EXPECT_EQ(block.integer("bits", 0), 4);
  EXPECT_EQ(block.integer("group_size", 0), 32);
  EXPECT_EQ(block.object("model.embed_tokens").integer("bits", 0), 8);
  EXPECT_FALSE(block.has("model.layers.0.self_attn.q_proj"));
  EXPECT_FALSE(block.has("lm_head"));
}

TEST(GgufConfig, RefusesWhatWouldChangeWhatIsComputed) {
  EXPECT_THAT(
      complaint_with("general.architecture", "gemma"),
      HasSubstr("x.gguf: general.architecture is gemma, expected llama"));
  EXPECT_THAT(
      complaint_with("llama.logit_scale", 2.0),
      HasSubstr("llama.logit_scale is not a known setting"));
  EXPECT_THAT(
      complaint_with("llama.expert_count", int64_t{8}),
      HasSubstr("llama.expert_count is 8, expected 0"));
  EXPECT_THAT(
      complaint_with("llama.rope.scaling.type", "longrope"),
      HasSubstr("is longrope, expected none, linear or yarn"));
  EXPECT_THAT(
      complaint_with("llama.rope.dimension_count", int64_t{16}),
      HasSubstr("llama.rope.dimension_count is 16, expected 32"));
  EXPECT_THAT(
      complaint_with("split.count", int64_t{3}), HasSubstr("split.count is 3"));
}

TEST(GgufConfig, RefusesTensorsThatItDoesNotKnow) {
  EXPECT_THAT(
      complaint([](GgufFile& file) {
        file.tensors.push_back(matrix("blk.0.ffn_gate_exps.weight"));
      }),
      HasSubstr("x.gguf: tensor blk.0.ffn_gate_exps.weight is not known"));
  EXPECT_THAT(
      complaint([](GgufFile& file) { file.tensors.clear(); }),
      HasSubstr("tensor token_embd.weight is missing"));
}

TEST(GgufConfig, NamesTheKeyThatIsMissingOrOfAnotherType) {
  EXPECT_THAT(
      complaint(
          [](GgufFile& file) { file.metadata.erase("llama.block_count"); }),
      HasSubstr("llama.block_count is missing"));
  EXPECT_THAT(
      complaint_with("llama.attention.head_count", std::vector<int64_t>{8, 4}),
      HasSubstr("llama.attention.head_count is a list, expected a whole"));
  EXPECT_THAT(
      complaint_with("llama.attention.head_count", int64_t{0}),
      HasSubstr("llama.attention.head_count is 0"));
}

TEST(GgufNames, AreThoseOfACheckpointFolder) {
  EXPECT_EQ(checkpoint_name("output_norm.weight"), "model.norm.weight");
  EXPECT_EQ(
      checkpoint_name("blk.12.attn_q_norm.weight"),
      "model.layers.12.self_attn.q_norm.weight");
  EXPECT_EQ(
      checkpoint_name("blk.0.attn_q.bias"),
      "model.layers.0.self_attn.q_proj.bias");
  for (const char* name :
       {"", "weight", "blk.x.attn_q.weight", "blk..attn_q.weight", "blk.1",
        "blk.0.attn_q.scale", "output"}) {
    EXPECT_EQ(checkpoint_name(name), "") << name;
  }
}

} // namespace
} // namespace parallm
