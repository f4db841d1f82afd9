#include "nn/gguf/gguf_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "base/check.h"
#include "nn/gguf/gguf_names.h"
#include "tests/support/temporary_folder.h"

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

ConfigJson config_with(std::map<std::string, GgufValue> metadata) {
  auto file = llama();
  file.metadata.merge(metadata);
  return gguf_config(file);
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

GgufFile qwen3moe() {
  GgufFile file = llama();
  std::map<std::string, GgufValue> metadata;
  for (const auto& [key, value] : file.metadata) {
    metadata[key.starts_with("llama.") ? "qwen3moe" + key.substr(5) : key] =
        value;
  }
  metadata["general.architecture"] = "qwen3moe";
  metadata["qwen3moe.expert_count"] = int64_t{8};
  metadata["qwen3moe.expert_used_count"] = int64_t{2};
  metadata["qwen3moe.expert_feed_forward_length"] = int64_t{32};
  file.metadata = metadata;
  return file;
}

TEST(GgufConfig, SaysWhatConfigJsonWouldOfExperts) {
  const auto qwen = gguf_config(qwen3moe());
  EXPECT_EQ(qwen.text("model_type"), "qwen3_moe");
  EXPECT_EQ(qwen.integer("num_experts", 0), 8);
  EXPECT_EQ(qwen.integer("num_experts_per_tok", 0), 2);
  EXPECT_EQ(qwen.integer("moe_intermediate_size", 0), 32);
  EXPECT_TRUE(qwen.flag_or("norm_topk_prob", false));
  GgufFile unshared = qwen3moe();
  unshared.metadata["qwen3moe.expert_shared_feed_forward_length"] = int64_t{0};
  EXPECT_EQ(gguf_config(unshared).text("model_type"), "qwen3_moe");
  const auto mixtral = config_with(
      {{"llama.expert_count", int64_t{8}},
       {"llama.expert_used_count", int64_t{3}}});
  EXPECT_EQ(mixtral.text("model_type"), "mixtral");
  EXPECT_EQ(mixtral.integer("num_local_experts", 0), 8);
  EXPECT_EQ(mixtral.integer("num_experts_per_tok", 0), 3);
  const auto none = config_with(
      {{"llama.expert_count", int64_t{0}},
       {"llama.expert_used_count", int64_t{0}}});
  EXPECT_EQ(none.text("model_type"), "llama");
}

TEST(GgufConfig, RefusesWhatCannotBeOfExperts) {
  const auto with = [](const std::string& key, const GgufValue& value) {
    GgufFile file = qwen3moe();
    file.metadata[key] = value;
    return complaint([&](GgufFile& changed) { changed = file; });
  };
  EXPECT_THAT(
      with("qwen3moe.expert_used_count", int64_t{9}),
      HasSubstr("qwen3moe.expert_used_count is 9, expected 1 to 8"));
  EXPECT_THAT(
      with("qwen3moe.expert_count", int64_t{0}),
      HasSubstr("qwen3moe.expert_count is missing or 0, but"));
  EXPECT_THAT(
      with("qwen3moe.expert_shared_feed_forward_length", int64_t{32}),
      HasSubstr("expert_shared_feed_forward_length is 32, expected 0 to 0"));
  EXPECT_THAT(
      with("qwen3moe.expert_weights_scale", 2.0),
      HasSubstr("expert_weights_scale is not a known setting"));
  EXPECT_THAT(
      with("general.architecture", "qwen3"),
      HasSubstr("qwen3.embedding_length is missing"));
  EXPECT_THAT(
      complaint([](GgufFile& file) {
        file.metadata["general.architecture"] = "qwen2";
        file.metadata["qwen2.expert_count"] = int64_t{8};
      }),
      HasSubstr("qwen2.expert_count is there, but such a model has no"));
  EXPECT_THAT(
      complaint_with("llama.expert_used_count", int64_t{2}),
      HasSubstr("llama.expert_used_count is 2, expected 0"));
}

// As converters wrote them until 2024.
TEST(GgufConfig, RefusesExpertsThatAreATensorEachByName) {
  EXPECT_THAT(
      complaint([](GgufFile& file) {
        file.metadata["llama.expert_count"] = int64_t{8};
        file.metadata["llama.expert_used_count"] = int64_t{2};
        file.tensors.push_back(matrix("blk.0.ffn_gate.3.weight"));
      }),
      HasSubstr("tensor blk.0.ffn_gate.3.weight is not known"));
}

TEST(GgufConfig, RefusesWhatWouldChangeWhatIsComputed) {
  EXPECT_THAT(
      complaint_with("general.architecture", "gemma"),
      HasSubstr("x.gguf: general.architecture is gemma, expected one of llama, "
                "qwen2, qwen2moe, qwen3, qwen3moe"));
  EXPECT_THAT(
      complaint_with("llama.logit_scale", 2.0),
      HasSubstr("llama.logit_scale is not a known setting"));
  EXPECT_THAT(
      complaint_with("llama.rope.scaling.type", "longrope"),
      HasSubstr("is longrope, expected none, linear or yarn"));
  EXPECT_THAT(
      complaint_with("llama.rope.dimension_count", int64_t{16}),
      HasSubstr("llama.rope.dimension_count is 16, expected 32"));
  EXPECT_THAT(
      complaint_with("split.count", int64_t{3}), HasSubstr("split.count is 3"));
}

TEST(GgufConfig, KnowsTheWidthThatMostModulesHave) {
  auto file = llama();
  file.tensors = {
      matrix("token_embd.weight", GgufType::kQ6_K),
      matrix("blk.0.attn_q.weight", GgufType::kQ5_K),
      matrix("blk.0.attn_k.weight", GgufType::kQ5_0)};
  const auto block = gguf_config(file).object("quantization");
  EXPECT_EQ(block.integer("bits", 0), 5);
  EXPECT_EQ(block.object("model.embed_tokens").integer("bits", 0), 8);
}

TEST(GgufConfig, ScalesTurnsByAFactorThatHasNoType) {
  const auto scaled = config_with({{"llama.rope.scaling.factor", 4.0}});
  EXPECT_EQ(scaled.object("rope_scaling").text("rope_type"), "linear");
  EXPECT_EQ(scaled.object("rope_scaling").number("factor", 0, 9), 4);
  EXPECT_FALSE(config_with({{"llama.rope.scaling.factor", 4.0},
                            {"llama.rope.scaling.type", "none"}})
                   .has("rope_scaling"));
  EXPECT_FALSE(
      config_with({{"llama.rope.scale_linear", 1.0}}).has("rope_scaling"));
}

TEST(GgufConfig, TellsWhatYarnIsMadeOf) {
  const auto yarn =
      config_with({{"llama.rope.scaling.type", "yarn"},
                   {"llama.rope.scaling.factor", 4.0},
                   {"llama.rope.scaling.yarn_beta_fast", 16.0},
                   {"llama.rope.scaling.original_context_length", int64_t{32}}})
          .object("rope_scaling");
  EXPECT_EQ(yarn.text("rope_type"), "yarn");
  EXPECT_EQ(yarn.number("beta_fast", 0, 99), 16);
  EXPECT_FALSE(yarn.has("beta_slow"));
  EXPECT_EQ(yarn.integer("original_max_position_embeddings", 0), 32);
}

TEST(GgufConfig, TakesAWholeNumberForANumber) {
  EXPECT_EQ(
      config_with({{"llama.rope.freq_base", int64_t{500000}}})
          .number("rope_theta", 0, 1e9),
      500000);
}

std::vector<int> ends(std::map<std::string, GgufValue> metadata) {
  const auto config = config_with(std::move(metadata));
  return config.integers("eos_token_id", 0);
}

// A Llama 3 of a converter that knows the end of a text, and not of a turn.
TEST(GgufConfig, EndsAtTokensOfThatRoleOrText) {
  const std::vector<std::string> pieces = {
      "a", "<|end_of_text|>", "b", "<|eot_id|>", "<|eom_id|>"};
  EXPECT_THAT(
      ends(
          {{"tokenizer.ggml.tokens", pieces},
           {"tokenizer.ggml.eos_token_id", int64_t{1}}}),
      testing::ElementsAre(1, 3, 4));
  EXPECT_THAT(
      ends(
          {{"tokenizer.ggml.eos_token_id", int64_t{7}},
           {"tokenizer.ggml.eot_token_id", int64_t{5}},
           {"tokenizer.ggml.eom_token_id", int64_t{7}}}),
      testing::ElementsAre(5, 7));
  EXPECT_THAT(
      complaint([&](GgufFile& file) {
        file.metadata["tokenizer.ggml.tokens"] = pieces;
        file.metadata["tokenizer.ggml.eos_token_id"] = int64_t{5};
      }),
      HasSubstr("tokenizer.ggml.eos_token_id is 5, expected 0 to 4"));
}

TEST(GgufConfig, KnowsTheOrderThatOlderConvertersName) {
  EXPECT_EQ(
      complaint_with("llama.tensor_data_layout", "Meta AI original pth"),
      "nothing");
  EXPECT_THAT(
      complaint_with("llama.tensor_data_layout", "reference"),
      HasSubstr("llama.tensor_data_layout is reference, expected Meta AI"));
}

TEST(GgufConfig, RefusesFactorsOfTurnsThatAreNoneByTheTensorsName) {
  test::TemporaryFolder folder;
  const float factors[16] = {1, std::nanf("")};
  folder.write(
      "x.gguf", {reinterpret_cast<const char*>(factors), sizeof(factors)});
  const auto path = folder.path() / "x.gguf";
  EXPECT_THAT(
      complaint([&](GgufFile& file) {
        file.path = path;
        file.stamp = MappedFile(path).stamp();
        file.tensors.push_back(
            {.name = "rope_freqs.weight", .shape = {16}, .bytes = 64});
      }),
      HasSubstr("tensor rope_freqs.weight has the factor nan, expected 1e-06"));
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
      HasSubstr("llama.attention.head_count is a list of whole "
                "numbers, expected a whole"));
  EXPECT_THAT(
      complaint_with("llama.attention.head_count", int64_t{0}),
      HasSubstr("llama.attention.head_count is 0"));
}

TEST(GgufNames, AreThoseOfACheckpointFolder) {
  EXPECT_EQ(checkpoint_name("output_norm.weight", ""), "model.norm.weight");
  EXPECT_EQ(
      checkpoint_name("blk.12.attn_q_norm.weight", ""),
      "model.layers.12.self_attn.q_norm.weight");
  EXPECT_EQ(
      checkpoint_name("blk.0.attn_q.bias", "mlp."),
      "model.layers.0.self_attn.q_proj.bias");
  for (const char* name :
       {"", "weight", "blk.x.attn_q.weight", "blk..attn_q.weight", "blk.1",
        "blk.0.attn_q.scale", "output"}) {
    EXPECT_EQ(checkpoint_name(name, ""), "") << name;
  }
}

TEST(GgufNames, AreKnownOfExpertsWhereThereAreAny) {
  const std::string name = "blk.3.ffn_down_exps.weight";
  EXPECT_EQ(
      checkpoint_name(name, "mlp."),
      "model.layers.3.mlp.switch_mlp.down_proj.weight");
  EXPECT_EQ(
      checkpoint_name("blk.3.ffn_gate_inp.weight", "block_sparse_moe."),
      "model.layers.3.block_sparse_moe.gate.weight");
  EXPECT_EQ(checkpoint_name(name, ""), "");
}

} // namespace
} // namespace parallm
