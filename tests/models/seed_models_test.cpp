#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <ostream>

#include "models/load.h"
#include "tests/support/safetensors_bytes.h"
#include "tests/support/temporary_folder.h"

// The models that users of the ancestor run, by their published config.json
// and generation_config.json, and by weight files that have the published
// tensors' names, types and shapes, and nothing but a hole behind the head.
// Their tokenizers and templates: tests/text/seed_chats_test.cpp.
namespace parallm {
namespace {

namespace fs = std::filesystem;

struct SeedModel {
  std::string name{};
  std::string config{};
  std::string generation_config{};
  ArchSpec spec{}; // but for its layers, which are alike
  LayerSpec layer{};
  int layers = 32;
  std::vector<TokenId> end_tokens{};
  size_t parameters = 0; // as published

  friend std::ostream& operator<<(std::ostream& out, const SeedModel& model) {
    return out << model.name;
  }
};

RopeSpec rope(int width, double theta) {
  return {.width = width, .theta = theta};
}

float root(int number) {
  return std::sqrt(static_cast<float>(number));
}

// Of Llama's kind: 32 heads of 128 that share 8 of keys and values.
LayerSpec llama_layer(double theta, int window = 0) {
  return {
      GqaSpec{
          .heads = 32,
          .kv_heads = 8,
          .head_dim = 128,
          .scale = 1 / root(128),
          .window = window,
          .rope = rope(128, theta)},
      MlpSpec{.width = 14336}};
}

const SeedModel& llama3() {
  static const SeedModel model{
      .name = "Llama3Of8BInstruct",
      .config = R"({"architectures": ["LlamaForCausalLM"],
          "attention_bias": false, "attention_dropout": 0.0,
          "bos_token_id": 128000, "eos_token_id": 128009, "hidden_act": "silu",
          "hidden_size": 4096, "initializer_range": 0.02,
          "intermediate_size": 14336, "max_position_embeddings": 8192,
          "model_type": "llama", "num_attention_heads": 32,
          "num_hidden_layers": 32, "num_key_value_heads": 8,
          "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_scaling": null,
          "rope_theta": 500000.0, "tie_word_embeddings": false,
          "torch_dtype": "bfloat16", "use_cache": true, "vocab_size": 128256})",
      .generation_config = R"({"bos_token_id": 128000, "do_sample": true,
          "eos_token_id": [128001, 128009], "max_length": 4096,
          "temperature": 0.6, "top_p": 0.9})",
      .spec =
          {.model_type = "llama",
           .width = 4096,
           .vocab = 128256,
           .max_positions = 8192,
           .norm = {.eps = 1e-5f},
           .tied_head = false},
      .layer = llama_layer(5e5),
      .end_tokens = {128001, 128009},
      .parameters = 8'030'261'248};
  return model;
}

const SeedModel& phi3() {
  static const SeedModel model{
      .name = "Phi3Mini4kInstruct",
      .config = R"({"architectures": ["Phi3ForCausalLM"],
          "attention_bias": false, "attention_dropout": 0.0, "auto_map": {
              "AutoConfig": "configuration_phi3.Phi3Config",
              "AutoModelForCausalLM": "modeling_phi3.Phi3ForCausalLM"},
          "bos_token_id": 1, "embd_pdrop": 0.0, "eos_token_id": 32000,
          "hidden_act": "silu", "hidden_size": 3072, "initializer_range": 0.02,
          "intermediate_size": 8192, "max_position_embeddings": 4096,
          "model_type": "phi3", "num_attention_heads": 32,
          "num_hidden_layers": 32, "num_key_value_heads": 32,
          "original_max_position_embeddings": 4096, "pad_token_id": 32000,
          "resid_pdrop": 0.0, "rms_norm_eps": 1e-05, "rope_scaling": null,
          "rope_theta": 10000.0, "sliding_window": 2047,
          "tie_word_embeddings": false, "torch_dtype": "bfloat16",
          "use_cache": true, "attention_bias": false, "vocab_size": 32064})",
      .generation_config = R"({"bos_token_id": 1, "eos_token_id":
          [32000, 32001, 32007], "pad_token_id": 32000})",
      .spec =
          {.model_type = "phi3",
           .width = 3072,
           .vocab = 32064,
           .max_positions = 4096,
           .norm = {.eps = 1e-5f},
           .tied_head = false},
      .layer =
          {GqaSpec{
               .heads = 32,
               .kv_heads = 32,
               .head_dim = 96,
               .scale = 1 / root(96),
               .window = 2047,
               .rope = rope(96, 1e4),
               .layout = QkvLayout::kJoined},
           MlpSpec{.width = 8192, .joined = true}},
      .end_tokens = {32000, 32001, 32007},
      .parameters = 3'821'079'552};
  return model;
}

const SeedModel& gemma() {
  static const SeedModel model{
      .name = "Gemma11Of2BIt",
      .config = R"({"architectures": ["GemmaForCausalLM"],
          "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 2,
          "eos_token_id": 1, "head_dim": 256,
          "hidden_act": "gelu_pytorch_tanh",
          "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 2048,
          "initializer_range": 0.02, "intermediate_size": 16384,
          "max_position_embeddings": 8192, "model_type": "gemma",
          "num_attention_heads": 8, "num_hidden_layers": 18,
          "num_key_value_heads": 1, "pad_token_id": 0, "rms_norm_eps": 1e-06,
          "rope_scaling": null, "rope_theta": 10000.0,
          "torch_dtype": "bfloat16", "use_cache": true, "vocab_size": 256000})",
      .generation_config =
          R"({"bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0})",
      .spec =
          {.model_type = "gemma",
           .width = 2048,
           .vocab = 256000,
           .max_positions = 8192,
           .norm = {.eps = 1e-6f, .plus_one = true},
           .embedding_scale = root(2048)},
      .layer =
          {GqaSpec{
               .heads = 8,
               .kv_heads = 1,
               .head_dim = 256,
               .scale = 1 / root(256),
               .rope = rope(256, 1e4)},
           MlpSpec{.width = 16384, .activation = Activation::kGelu}},
      .layers = 18,
      .end_tokens = {1},
      .parameters = 2'506'172'416};
  return model;
}

// The three versions differ in what is passed here.
SeedModel mistral(
    std::string name, int vocab, double theta, int window, size_t parameters) {
  return {
      .name = std::move(name),
      .config = fmt::format(
          R"({{"architectures": ["MistralForCausalLM"],
          "attention_dropout": 0.0, "bos_token_id": 1, "eos_token_id": 2,
          "hidden_act": "silu", "hidden_size": 4096, "initializer_range": 0.02,
          "intermediate_size": 14336, "max_position_embeddings": 32768,
          "model_type": "mistral", "num_attention_heads": 32,
          "num_hidden_layers": 32, "num_key_value_heads": 8,
          "rms_norm_eps": 1e-05, "rope_theta": {:.1f}, "sliding_window": {},
          "tie_word_embeddings": false, "torch_dtype": "bfloat16",
          "use_cache": true, "vocab_size": {}}})",
          theta, window > 0 ? std::to_string(window) : "null", vocab),
      .generation_config = R"({"bos_token_id": 1, "eos_token_id": 2})",
      .spec =
          {.model_type = "mistral",
           .width = 4096,
           .vocab = vocab,
           .max_positions = 32768,
           .norm = {.eps = 1e-5f},
           .tied_head = false},
      .layer = llama_layer(theta, window),
      .end_tokens = {2},
      .parameters = parameters};
}

const SeedModel kSeedModels[] = {
    llama3(),
    phi3(),
    gemma(),
    mistral("Mistral01Of7BInstruct", 32000, 1e4, 4096, 7'241'732'096),
    mistral("Mistral02Of7BInstruct", 32000, 1e6, 0, 7'241'732'096),
    mistral("Mistral03Of7BInstruct", 32768, 1e6, 0, 7'248'023'552)};

#define EXPECT_SAME(field) EXPECT_EQ(got.field, want.field)

void expect_same(const RopeSpec& got, const RopeSpec& want) {
  EXPECT_SAME(width);
  EXPECT_SAME(theta);
  EXPECT_SAME(pairs);
  EXPECT_SAME(scaling);
  EXPECT_SAME(factor);
  EXPECT_SAME(factors);
  EXPECT_SAME(amplitude);
  EXPECT_SAME(score_scale);
}

void expect_same(const GqaSpec& got, const GqaSpec& want) {
  EXPECT_SAME(heads);
  EXPECT_SAME(kv_heads);
  EXPECT_SAME(head_dim);
  EXPECT_FLOAT_EQ(got.scale, want.scale);
  EXPECT_SAME(softcap);
  EXPECT_SAME(window);
  EXPECT_SAME(growth.has_value());
  EXPECT_SAME(layout);
  EXPECT_SAME(qk_norm);
  EXPECT_SAME(qkv_bias);
  EXPECT_SAME(out_bias);
  EXPECT_SAME(sinks);
  EXPECT_SAME(gated);
  expect_same(got.rope.value(), want.rope.value());
}

void expect_same(const MlpSpec& got, const MlpSpec& want) {
  EXPECT_SAME(width);
  EXPECT_SAME(activation);
  EXPECT_SAME(gated);
  EXPECT_SAME(joined);
  EXPECT_SAME(bias);
}

void expect_same(const NormSpec& got, const NormSpec& want) {
  EXPECT_SAME(kind);
  EXPECT_SAME(eps);
  EXPECT_SAME(plus_one);
  EXPECT_SAME(bias);
}

// But for names, tidying and packing: the weight files tell whether they fit.
void expect_same(const ArchSpec& got, const ArchSpec& want) {
  EXPECT_SAME(model_type);
  EXPECT_SAME(width);
  EXPECT_SAME(vocab);
  EXPECT_SAME(max_positions);
  EXPECT_SAME(parallel);
  EXPECT_SAME(residual_scale);
  EXPECT_SAME(embedding_scale);
  EXPECT_SAME(logit_scale);
  EXPECT_SAME(logit_softcap);
  EXPECT_SAME(tied_head);
  EXPECT_SAME(head_bias);
  expect_same(got.norm, want.norm);
}

struct Tensor {
  std::string name{};
  std::vector<int64_t> shape{};
};

// As the authors' files name them.
std::vector<Tensor> layer_tensors(const SeedModel& model, int layer) {
  const auto& a = std::get<GqaSpec>(model.layer.mixer);
  const auto& m = std::get<MlpSpec>(model.layer.feed_forward);
  const int64_t e = model.spec.width, f = m.width;
  const int64_t q = a.heads * a.head_dim, kv = a.kv_heads * a.head_dim;
  std::vector<Tensor> tensors = {
      {"input_layernorm", {e}},
      {"post_attention_layernorm", {e}},
      {"self_attn.o_proj", {e, q}},
      {"mlp.down_proj", {e, f}}};
  const auto apart = {
      Tensor{"self_attn.q_proj", {q, e}}, Tensor{"self_attn.k_proj", {kv, e}},
      Tensor{"self_attn.v_proj", {kv, e}}, Tensor{"mlp.gate_proj", {f, e}},
      Tensor{"mlp.up_proj", {f, e}}};
  const auto joined = {
      Tensor{"self_attn.qkv_proj", {q + 2 * kv, e}},
      Tensor{"mlp.gate_up_proj", {2 * f, e}}};
  tensors.insert(tensors.end(), m.joined ? joined : apart);
  for (Tensor& tensor : tensors) {
    tensor.name = fmt::format("model.layers.{}.{}", layer, tensor.name);
  }
  return tensors;
}

std::vector<Tensor> tensors_of(const SeedModel& model) {
  const int64_t e = model.spec.width, v = model.spec.vocab;
  std::vector<Tensor> tensors = {
      {"model.embed_tokens", {v, e}}, {"model.norm", {e}}};
  if (model.spec.tied_head == false) {
    tensors.push_back({"lm_head", {v, e}});
  }
  for (int layer = 0; layer < model.layers; ++layer) {
    const auto more = layer_tensors(model, layer);
    tensors.insert(tensors.end(), more.begin(), more.end());
  }
  return tensors;
}

enum class Packing { kNone, k4Bit };

// The head of a file, tensor by tensor.
class Head {
 public:
  void add(const Tensor& tensor, Packing packing) {
    if (packing == Packing::kNone || tensor.shape.size() == 1) {
      add(tensor.name + ".weight", "BF16", 2, tensor.shape);
      return;
    }
    const int64_t rows = tensor.shape[0], columns = tensor.shape[1];
    add(tensor.name + ".weight", "U32", 4, {rows, columns / 8});
    add(tensor.name + ".scales", "BF16", 2, {rows, columns / 64});
    add(tensor.name + ".biases", "BF16", 2, {rows, columns / 64});
  }
  std::string text() const { return "{" + entries_ + "}"; }
  size_t bytes() const { return bytes_; } // of the tensors

 private:
  void add(
      const std::string& name,
      const char* type,
      size_t size,
      const std::vector<int64_t>& shape) {
    size_t bytes = size;
    std::string dims;
    for (const int64_t dim : shape) {
      bytes *= static_cast<size_t>(dim);
      dims += fmt::format("{}{}", dims.empty() ? "" : ",", dim);
    }
    entries_ += fmt::format(
        R"({}"{}":{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})",
        entries_.empty() ? "" : ",", name, type, dims, bytes_, bytes_ + bytes);
    bytes_ += bytes;
  }

  std::string entries_{};
  size_t bytes_ = 0;
};

// -> bytes of the tensors
size_t write_weights(
    const test::TemporaryFolder& folder,
    const SeedModel& model,
    Packing packing) {
  Head head;
  for (const Tensor& tensor : tensors_of(model)) {
    head.add(tensor, packing);
  }
  const auto start = test::file_with_header(head.text());
  folder.write("model.safetensors", start);
  fs::resize_file(
      folder.path() / "model.safetensors", start.size() + head.bytes());
  return head.bytes();
}

class Seed : public testing::TestWithParam<SeedModel> {
 protected:
  void write_configs(const std::string& more = "") {
    std::string config = GetParam().config;
    folder_.write("config.json", config.insert(1, more));
    folder_.write("generation_config.json", GetParam().generation_config);
  }

  test::TemporaryFolder folder_;
};

TEST_P(Seed, ItsConfigSaysWhatItIsMadeOf) {
  const SeedModel& model = GetParam();
  write_configs();
  write_weights(folder_, model, Packing::kNone);
  const auto facts = read_model_facts(folder_.path());
  expect_same(facts.arch, model.spec);
  EXPECT_FALSE(facts.arch.quantization.present());
  EXPECT_EQ(facts.end_tokens, model.end_tokens);
  ASSERT_EQ(facts.arch.layers.size(), static_cast<size_t>(model.layers));
  for (const LayerSpec& layer : facts.arch.layers) {
    expect_same(
        std::get<GqaSpec>(layer.mixer), std::get<GqaSpec>(model.layer.mixer));
    expect_same(
        std::get<MlpSpec>(layer.feed_forward),
        std::get<MlpSpec>(model.layer.feed_forward));
  }
}

TEST_P(Seed, ItHasThePublishedNumberOfParameters) {
  write_configs();
  const size_t bytes = write_weights(folder_, GetParam(), Packing::kNone);
  const auto facts = read_model_facts(folder_.path());
  EXPECT_EQ(facts.parameters, GetParam().parameters);
  EXPECT_EQ(bytes, 2 * GetParam().parameters);
}

// Norms that are stored less 1 are kept as float32, twice as long.
size_t bytes_of_changed_norms(const SeedModel& model) {
  const int norms = model.spec.norm.plus_one ? 2 * model.layers + 1 : 0;
  return sizeof(uint16_t) * static_cast<size_t>(norms * model.spec.width);
}

// As mlx-community packs it.
TEST_P(Seed, ItHasAsManyIn4Bits) {
  write_configs(R"("quantization": {"group_size": 64, "bits": 4},)");
  const size_t bytes = write_weights(folder_, GetParam(), Packing::k4Bit);
  const auto facts = read_model_facts(folder_.path());
  EXPECT_EQ(facts.parameters, GetParam().parameters);
  EXPECT_EQ(facts.arch.quantization.text(), "affine-4bit");
  EXPECT_EQ(facts.weight_bytes, bytes + bytes_of_changed_norms(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(
    Models, Seed, testing::ValuesIn(kSeedModels), [](const auto& model) {
      return model.param.name;
    });

} // namespace
} // namespace parallm
