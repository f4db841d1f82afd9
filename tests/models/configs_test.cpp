#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "base/check.h"
#include "models/registry.h"
#include "tests/support/temporary_folder.h"

// config.json of published checkpoints: those of our architectures are read,
// the others refused with one line. More of some: seed_models_test.cpp.
namespace parallm {
namespace {

namespace fs = std::filesystem;

struct Published {
  std::string name{};
  std::string config{};
  double theta = 0;
  double factor = 1;
  int window = 0;
  int head_dim = 128;
};

// As mlx-community has them, some keys that nobody reads left out.
const Published kPublished[] = {
    {.name = "Llama2",
     .config = R"({"_name_or_path": "meta-llama/Llama-2-7b-chat-hf",
         "architectures": ["LlamaForCausalLM"], "bos_token_id": 1,
         "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 4096,
         "intermediate_size": 11008, "max_position_embeddings": 4096,
         "model_type": "llama", "num_attention_heads": 32,
         "num_hidden_layers": 32, "num_key_value_heads": 32,
         "pretraining_tp": 1, "quantization": {"bits": 4, "group_size": 64},
         "rms_norm_eps": 1e-05, "rope_scaling": null,
         "tie_word_embeddings": false, "torch_dtype": "float16",
         "use_cache": true, "vocab_size": 32000})",
     .theta = 1e4},
    {.name = "Llama31",
     .config = R"({"architectures": ["LlamaForCausalLM"],
         "attention_bias": false, "attention_dropout": 0.0,
         "bos_token_id": 128000, "eos_token_id": [128001, 128008, 128009],
         "hidden_act": "silu", "hidden_size": 4096, "intermediate_size": 14336,
         "max_position_embeddings": 131072, "mlp_bias": false,
         "model_type": "llama", "num_attention_heads": 32,
         "num_hidden_layers": 32, "num_key_value_heads": 8, "pretraining_tp": 1,
         "quantization": {"group_size": 64, "bits": 8}, "rms_norm_eps": 1e-05,
         "rope_scaling": {"factor": 8.0, "low_freq_factor": 1.0,
             "high_freq_factor": 4.0, "original_max_position_embeddings": 8192,
             "rope_type": "llama3"},
         "rope_theta": 500000.0, "tie_word_embeddings": false,
         "torch_dtype": "bfloat16", "use_cache": true, "vocab_size": 128256})",
     .theta = 5e5,
     .factor = 8},
    {.name = "Llama32",
     .config = R"({"architectures": ["LlamaForCausalLM"],
         "attention_bias": false, "bos_token_id": 128000,
         "eos_token_id": [128001, 128008, 128009], "head_dim": 64,
         "hidden_act": "silu", "hidden_size": 2048, "intermediate_size": 8192,
         "max_position_embeddings": 131072, "mlp_bias": false,
         "model_type": "llama", "num_attention_heads": 32,
         "num_hidden_layers": 16, "num_key_value_heads": 8,
         "quantization": {"group_size": 64, "bits": 4, "mode": "affine"},
         "quantization_config": {"group_size": 64, "bits": 4,
             "mode": "affine"},
         "rms_norm_eps": 1e-05,
         "rope_scaling": {"factor": 32.0, "high_freq_factor": 4.0,
             "low_freq_factor": 1.0, "original_max_position_embeddings": 8192,
             "rope_type": "llama3"},
         "rope_theta": 500000.0, "tie_word_embeddings": true,
         "torch_dtype": "bfloat16", "use_cache": true, "vocab_size": 128256})",
     .theta = 5e5,
     .factor = 32,
     .head_dim = 64},
    {.name = "Llama32OfTransformers5",
     .config = R"({"architectures": ["LlamaForCausalLM"],
         "attention_bias": false, "dtype": "bfloat16",
         "eos_token_id": [128001, 128008, 128009], "head_dim": 64,
         "hidden_act": "silu", "hidden_size": 2048, "intermediate_size": 8192,
         "max_position_embeddings": 131072, "mlp_bias": false,
         "model_type": "llama", "num_attention_heads": 32,
         "num_hidden_layers": 16, "num_key_value_heads": 8,
         "pad_token_id": null, "rms_norm_eps": 1e-05,
         "rope_parameters": {"factor": 32.0, "high_freq_factor": 4.0,
             "low_freq_factor": 1.0, "original_max_position_embeddings": 8192,
             "rope_theta": 500000.0, "rope_type": "llama3"},
         "tie_word_embeddings": true, "use_cache": true,
         "vocab_size": 128256})",
     .theta = 5e5,
     .factor = 32,
     .head_dim = 64},
    {.name = "MistralNemo",
     .config = R"({"architectures": ["MistralForCausalLM"],
         "attention_dropout": 0.0, "bos_token_id": 1, "eos_token_id": 2,
         "head_dim": 128, "hidden_act": "silu", "hidden_size": 5120,
         "intermediate_size": 14336, "max_position_embeddings": 1024000,
         "model_type": "mistral", "num_attention_heads": 32,
         "num_hidden_layers": 40, "num_key_value_heads": 8,
         "quantization": {"group_size": 64, "bits": 4}, "rms_norm_eps": 1e-05,
         "rope_theta": 1000000.0, "sliding_window": null,
         "tie_word_embeddings": false, "torch_dtype": "bfloat16",
         "use_cache": true, "vocab_size": 131072})",
     .theta = 1e6},
    {.name = "Qwen3",
     .config = R"({"architectures": ["Qwen3ForCausalLM"],
         "attention_bias": false, "attention_dropout": 0.0,
         "bos_token_id": 151643, "eos_token_id": 151645, "head_dim": 128,
         "hidden_act": "silu", "hidden_size": 1024, "initializer_range": 0.02,
         "intermediate_size": 3072, "max_position_embeddings": 40960,
         "max_window_layers": 28, "model_type": "qwen3",
         "num_attention_heads": 16, "num_hidden_layers": 28,
         "num_key_value_heads": 8,
         "quantization": {"group_size": 64, "bits": 4}, "rms_norm_eps": 1e-06,
         "rope_scaling": null, "rope_theta": 1000000, "sliding_window": null,
         "tie_word_embeddings": true, "torch_dtype": "bfloat16",
         "use_cache": true, "use_sliding_window": false,
         "vocab_size": 151936})",
     .theta = 1e6}};

class PublishedConfig : public testing::TestWithParam<Published> {};

TEST_P(PublishedConfig, IsRead) {
  const Published& published = GetParam();
  test::TemporaryFolder folder;
  folder.write("config.json", published.config);
  const auto json = ConfigJson::read(folder.path() / "config.json");
  const ArchSpec spec = read_arch(json);
  const auto& attention = std::get<GqaSpec>(spec.layers.front().mixer);
  EXPECT_EQ(attention.rope->theta, published.theta);
  EXPECT_EQ(attention.rope->factor, published.factor);
  EXPECT_EQ(attention.window, published.window);
  EXPECT_EQ(attention.head_dim, published.head_dim);
}

INSTANTIATE_TEST_SUITE_P(
    Models,
    PublishedConfig,
    testing::ValuesIn(kPublished),
    [](const auto& published) { return published.param.name; });

// The refusal, or nothing.
std::string complaint(const ConfigJson& json) {
  try {
    read_arch(json);
    return {};
  } catch (const StartError& error) {
    EXPECT_EQ(error.exit_code, kExitBadData);
    return error.what();
  }
}

TEST(SharedConfigs, AreReadOrRefusedWithOneLine) {
  const fs::path data = PARALLM_SHARED_DATA;
  if (!fs::exists(data / "configs")) {
    GTEST_SKIP() << "needs ../shared/data/configs";
  }
  std::set<std::string> read, refused;
  for (const char* folder : {"configs", "tokenizers", "models"}) {
    for (const auto& entry : fs::directory_iterator(data / folder)) {
      const fs::path file = entry.path() / "config.json";
      if (!fs::exists(file)) {
        continue;
      }
      SCOPED_TRACE(file.string());
      const auto json = ConfigJson::read(file);
      const std::string said = complaint(json);
      EXPECT_EQ(said.find('\n'), std::string::npos);
      (said.empty() ? read : refused).insert(entry.path().filename().string());
      if (!said.empty()) {
        EXPECT_TRUE(said.starts_with(file.string() + ": ")) << said;
      }
    }
  }
  EXPECT_THAT(
      refused,
      testing::IsSubsetOf(
          {"gemma4", "gpt-nano-sort", "llava-1.5", "minilm", "qwen2.5-vl"}));
  EXPECT_THAT(
      read, testing::IsSupersetOf({"gpt-oss", "llama3.2", "phi3", "qwen3"}));
}

} // namespace
} // namespace parallm
