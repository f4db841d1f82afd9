#include "models/load.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "base/check.h"
#include "tests/support/arrays.h"
#include "tests/support/temporary_folder.h"

// Folders that are a checkpoint of tests/data/models with something changed.
namespace parallm {
namespace {

using testing::HasSubstr;

using namespace test;
namespace fs = std::filesystem;

class Load : public testing::Test {
 protected:
  void SetUp() override { copy("llama-f32"); }

  void copy(const std::string& name) {
    fs::copy(
        fs::path(PARALLM_TEST_DATA) / "models" / name, folder_.path(),
        fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  }

  void replace(
      const std::string& file, const std::string& from, const std::string& to) {
    std::string text = folder_.read(file);
    const auto at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    folder_.write(file, text.replace(at, from.size(), to));
  }

  void change_tensors(
      const std::function<void(std::unordered_map<std::string, mx::array>&)>&
          change) {
    const auto file = (folder_.path() / "model.safetensors").string();
    auto tensors = mx::load_safetensors(file).first;
    for (auto& [name, tensor] : tensors) {
      mx::eval(tensor);
    }
    change(tensors);
    mx::save_safetensors(file, tensors);
  }

  // What load_model says, without the folder.
  std::string complaint(int exit_code = kExitBadData) {
    try {
      load_model(folder_.path());
    } catch (const StartError& error) {
      EXPECT_EQ(error.exit_code, exit_code);
      std::string what = error.what();
      EXPECT_EQ(what.find('\n'), std::string::npos);
      const auto at = what.find(folder_.path().string());
      EXPECT_EQ(at, 0u) << what;
      what.erase(0, folder_.path().string().size() + 1);
      what.erase(0, what.find_first_not_of(' ')); // after "FOLDER:"
      return what;
    }
    return "accepted";
  }

  TemporaryFolder folder_;
};

TEST_F(Load, TakesTheUnchangedFolder) {
  EXPECT_EQ(complaint(), "accepted");
}

TEST_F(Load, NamesAnUnknownModelTypeAndTheKnownOnes) {
  replace("config.json", "\"llama\"", "\"gpt2\"");
  const std::string said = complaint();
  EXPECT_TRUE(
      said.starts_with("config.json: model_type is \"gpt2\", expected one of: "
                       "cohere, cohere2, "))
      << said;
  EXPECT_NE(said.find(", llama, "), std::string::npos) << said;
  try {
    read_model_facts(folder_.path());
    FAIL();
  } catch (const StartError& error) {
    EXPECT_TRUE(std::string(error.what()).ends_with(said));
  }
}

TEST_F(Load, NamesAMissingTensor) {
  change_tensors([](auto& t) { t.erase("model.layers.1.mlp.up_proj.weight"); });
  EXPECT_EQ(
      complaint(),
      "tensor model.layers.1.mlp.up_proj.weight is missing, expected shape "
      "(52, 36)");
}

TEST_F(Load, NamesAMisshapenTensor) {
  change_tensors(
      [](auto& t) { t.insert_or_assign("model.norm.weight", mx::ones({9})); });
  EXPECT_EQ(
      complaint(),
      "model.safetensors: tensor model.norm.weight has shape (9), expected "
      "(36)");
}

TEST_F(Load, NamesAMisshapenConvolution) {
  copy("lfm2");
  EXPECT_EQ(complaint(), "accepted");
  change_tensors([](auto& t) {
    t.insert_or_assign("model.layers.0.conv.conv.weight", mx::ones({36, 2, 3}));
  });
  EXPECT_EQ(
      complaint(),
      "tensor model.layers.0.conv.conv.weight has shape (36, 2, 3), expected "
      "(36, 3)");
}

TEST_F(Load, NamesAConvolutionWithoutChannels) {
  copy("mamba2");
  change_tensors([](auto& t) {
    t.insert_or_assign(
        "backbone.layers.1.mixer.conv1d.weight", mx::zeros({0, 1, 4}));
  });
  EXPECT_EQ(
      complaint(),
      "tensor backbone.layers.1.mixer.conv1d.weight has shape (0, 4), expected "
      "(76, 4)");
}

TEST_F(Load, NamesAMisshapenTensorOfPartsInTurn) {
  copy("qwen3_next");
  const std::string name = "model.layers.0.linear_attn.in_proj_qkvz.weight";
  const auto said_with = [&](const mx::array& tensor) {
    change_tensors([&](auto& t) { t.insert_or_assign(name, tensor); });
    return complaint();
  };
  EXPECT_EQ(
      said_with(mx::zeros({131, 32})),
      "tensor " + name + " has shape (131, 32), expected 132 rows");
  EXPECT_EQ(
      said_with(mx::array(1.0f)),
      "tensor " + name + " has shape (), expected 132 rows");
  EXPECT_EQ(
      said_with(mx::zeros({132, 31})),
      "tensor " + name + " has shape (132, 31), expected (132, 32)");
}

// Before its outputs are put in another order.
TEST_F(Load, NamesAMisshapenAdapterForPartsInTurn) {
  copy("qwen3_next");
  const TemporaryFolder adapter;
  adapter.write(
      "adapter_config.json",
      R"({"fine_tune_type": "lora", "num_layers": 4,
          "lora_parameters": {"rank": 2, "scale": 2.0, "dropout": 0.0}})");
  const std::string module = "model.layers.1.linear_attn.in_proj_ba";
  mx::save_safetensors(
      (adapter.path() / "adapters.safetensors").string(),
      {{module + ".lora_a", mx::zeros({32, 2})},
       {module + ".lora_b", mx::zeros({2, 11})}});
  try {
    load_model(folder_.path(), {.adapter = adapter.path()});
    FAIL();
  } catch (const StartError& error) {
    const std::string what = error.what();
    EXPECT_TRUE(what.starts_with(
        (adapter.path() / "adapters.safetensors").string() + ": tensor " +
        module + ".lora_b has shape (2, 11), expected (2, 12)"))
        << what;
  }
}

TEST_F(Load, TakesTheHeadOfAnLfm2ThatIsNotTied) {
  copy("lfm2");
  replace(
      "config.json", "\"use_pos_enc\"",
      "\"tie_embedding\": false, \"use_pos_enc\"");
  EXPECT_EQ(
      complaint(), "tensor lm_head.weight is missing, expected shape (67, 36)");
  change_tensors([](auto& t) {
    t.insert_or_assign("lm_head.weight", mx::zeros({67, 36}, mx::bfloat16));
  });
  EXPECT_EQ(complaint(), "accepted");
}

TEST_F(Load, NamesALeftOverTensor) {
  change_tensors([](auto& t) {
    t.insert_or_assign("model.layers.4.input_layernorm.weight", mx::ones({36}));
  });
  EXPECT_EQ(
      complaint(),
      "model.safetensors: 1 tensor is left over: "
      "model.layers.4.input_layernorm.weight");
}

TEST_F(Load, FindsATruncatedFile) {
  const auto whole = folder_.read("model.safetensors");
  folder_.write("model.safetensors", whole.substr(0, whole.size() / 2));
  EXPECT_EQ(
      complaint(),
      fmt::format(
          "model.safetensors: truncated: {} bytes, its header describes {}",
          whole.size() / 2, whole.size()));
}

TEST_F(Load, NamesAShardThatIsAbsent) {
  copy("mistral-bf16-sharded");
  EXPECT_EQ(complaint(), "accepted");
  fs::remove(folder_.path() / "model-00002-of-00003.safetensors");
  EXPECT_EQ(
      complaint(kExitNotFound),
      "model.safetensors.index.json: the file "
      "model-00002-of-00003.safetensors is named here but absent");
}

TEST_F(Load, NamesAnExpertThatIsNotLikeTheFirst) {
  copy("mixtral-hub");
  const std::string name =
      "model.layers.1.block_sparse_moe.experts.3.w1.weight";
  change_tensors([&](auto& t) {
    t.insert_or_assign(name, mx::zeros({18, 35}, mx::bfloat16));
  });
  EXPECT_EQ(
      complaint(), "tensor " + name +
                       " has shape (18, 35), expected (18, 36) as the first "
                       "of its kind");
  change_tensors([&](auto& t) {
    t.insert_or_assign(name, mx::zeros({18, 36}, mx::uint32));
  });
  EXPECT_EQ(
      complaint(),
      "tensor " + name + " has another type than the first of its kind");
  change_tensors([&](auto& t) { t.erase(name); });
  EXPECT_EQ(complaint(), "tensor " + name + " is missing");
}

TEST_F(Load, NamesAMisshapenTensorThatIsTakenApart) {
  copy("gpt_oss-hub");
  const std::string at = "model.layers.0.mlp.experts.";
  const auto said_with = [&](const std::string& name, const mx::array& tensor) {
    copy("gpt_oss-hub");
    change_tensors([&](auto& t) { t.insert_or_assign(at + name, tensor); });
    return complaint();
  };
  EXPECT_EQ(
      said_with("gate_up_proj_blocks", mx::zeros({5, 64, 2, 15}, mx::uint8)),
      "tensor " + at +
          "gate_up_proj_blocks has shape (5, 64, 2, 15), expected (experts, "
          "rows, groups, 16) of U8");
  EXPECT_EQ(
      said_with("down_proj_blocks", mx::zeros({5}, mx::uint8)),
      "tensor " + at +
          "down_proj_blocks has shape (5), expected (experts, rows, groups, "
          "16) of U8");
  EXPECT_EQ(
      said_with("gate_up_proj_scales", mx::zeros({2}, mx::uint8)),
      "tensor " + at +
          "gate_up_proj_scales has shape (2), expected an even number of rows");
  EXPECT_EQ(
      said_with("gate_up_proj_bias", mx::zeros({5, 63})),
      "tensor " + at +
          "gate_up_proj_bias has shape (5, 63), expected an even number of "
          "rows");
}

TEST_F(Load, NamesAHalvedTensorOfOddRows) {
  copy("granitemoe-hub");
  const std::string name =
      "model.layers.0.block_sparse_moe.input_linear.weight";
  change_tensors([&](auto& t) {
    t.insert_or_assign(name, mx::zeros({5, 35, 36}));
  });
  EXPECT_EQ(
      complaint(), "tensor " + name +
                       " has shape (5, 35, 36), expected an even number of "
                       "rows");
}

// Heads of 32 + 16 numbers from a latent of 32, packed in groups of 32.
TEST_F(Load, NamesAMisshapenPackedTensorThatIsAbsorbed) {
  copy("deepseek_v3-4bit");
  const std::string at = "model.layers.1.self_attn.", to = at + "kv_b_proj";
  const auto use = [&](const mx::array& weight, const mx::array& scales) {
    change_tensors([&](auto& t) {
      for (const char* tensor : {".weight", ".scales", ".biases"}) {
        t.erase(at + "embed_q" + tensor);
        t.erase(at + "unembed_out" + tensor);
      }
      t.insert_or_assign(to + ".weight", weight);
      t.insert_or_assign(to + ".scales", scales);
      t.insert_or_assign(to + ".biases", mx::zeros({96, 1}, mx::float16));
    });
    return complaint();
  };
  const auto weight = mx::zeros({96, 4}, mx::uint32);
  EXPECT_EQ(use(weight, mx::zeros({96, 1}, mx::float16)), "accepted");
  EXPECT_EQ(
      use(weight, mx::zeros({96, 0}, mx::float16)),
      "model.safetensors: tensor " + to +
          ".scales has shape (96, 0), expected (96, 1)");
  EXPECT_EQ(
      use(mx::zeros({95, 4}, mx::uint32), mx::zeros({96, 1}, mx::float16)),
      "model.safetensors: tensor " + to +
          ".weight has shape (95, 4), expected (96, 4)");
  EXPECT_EQ(
      use(mx::zeros({96, 4}, mx::float16), mx::zeros({96, 1}, mx::float16)),
      "model.safetensors: tensor " + to + ".weight has type F16, expected U32");
  replace("config.json", "\"kv_lora_rank\": 32", "\"kv_lora_rank\": 33");
  EXPECT_EQ(
      complaint(), "tensor " + to +
                       ".weight has 33 inputs, expected a multiple of the "
                       "group size 32");
}

// AutoGPTQ gives each layer a bias.
TEST_F(Load, ABiasThatTheModelLacksChangesNothing) {
  copy("qwen3-gptq");
  const std::string bias = "model.layers.0.mlp.down_proj.bias";
  const auto said_of = [&](const mx::array& value) {
    change_tensors([&](auto& t) { t.insert_or_assign(bias, value); });
    return complaint();
  };
  EXPECT_EQ(said_of(mx::zeros({64}, mx::float16)), "accepted");
  EXPECT_EQ(
      said_of(mx::ones({64}, mx::float16)),
      "tensor " + bias +
          " has numbers other than 0, expected none: the model has no such "
          "tensor");
}

// The model has 4 bits; config.json does not name the layer.
TEST_F(Load, WhatIsAbsorbedIsPackedAsItsShapesTell) {
  copy("deepseek_v3-4bit");
  const std::string at = "model.layers.1.self_attn.", to = at + "kv_b_proj";
  change_tensors([&](auto& t) {
    for (const char* tensor : {".weight", ".scales", ".biases"}) {
      t.erase(at + "embed_q" + tensor);
      t.erase(at + "unembed_out" + tensor);
    }
    t.insert_or_assign(to + ".weight", mx::zeros({96, 8}, mx::uint32));
    t.insert_or_assign(to + ".scales", mx::zeros({96, 1}, mx::float16));
    t.insert_or_assign(to + ".biases", mx::zeros({96, 1}, mx::float16));
  });
  EXPECT_EQ(complaint(), "accepted");
}

// What is dropped, and what is held in another form, is counted as held.
TEST_F(Load, CountsOnlyWhatTheModelWillHold) {
  const size_t plain = read_model_facts(folder_.path()).weight_bytes;
  replace(
      "config.json", "\"tie_word_embeddings\": false",
      "\"tie_word_embeddings\": true");
  const size_t tied = read_model_facts(folder_.path()).weight_bytes;
  EXPECT_EQ(plain - tied, 67u * 36u * sizeof(float)); // lm_head
}

TEST_F(Load, SaysThatFolderOrConfigIsAbsent) {
  fs::remove(folder_.path() / "config.json");
  EXPECT_THAT(
      complaint(kExitNotFound),
      HasSubstr(
          "no config.json in it; expected the folder of an MLX checkpoint"));
  try {
    load_model(folder_.path() / "nowhere");
    FAIL();
  } catch (const StartError& error) {
    EXPECT_EQ(error.exit_code, kExitNotFound);
    EXPECT_THAT(error.what(), HasSubstr("nowhere: not a folder"));
  }
}

TEST_F(Load, TiesTheHeadWhereThereIsNone) {
  replace("config.json", "\"tie_word_embeddings\": false,", "");
  EXPECT_EQ(complaint(), "accepted");
  change_tensors([](auto& t) { t.erase("lm_head.weight"); });
  EXPECT_EQ(complaint(), "accepted");
}

TEST_F(Load, CountsTheBytesItWillHold) {
  const auto file_bytes = [&] {
    size_t bytes = 0;
    change_tensors([&](auto& tensors) {
      for (const auto& [name, tensor] : tensors) {
        bytes += tensor.nbytes();
      }
    });
    return bytes;
  }();
  const auto facts = read_model_facts(folder_.path());
  EXPECT_EQ(facts.weight_bytes, file_bytes);
  EXPECT_EQ(facts.arch.quantization.text(), "");
  const auto half = read_model_facts(folder_.path(), {.dtype = mx::bfloat16});
  EXPECT_EQ(half.weight_bytes, file_bytes / 2);
  EXPECT_EQ(half.shape.dtype, mx::bfloat16);
}

// As mlx-lm counts them, mlx_lm.utils.get_total_parameters; but that leaves
// out the sinks of gpt-oss.
TEST_F(Load, CountsParametersHoweverTheyArePacked) {
  const std::pair<const char*, size_t> counted[] = {
      {"llama-f32", 41436},           {"llama-4bit", 107200},
      {"llama-mixed-bits", 107584},   {"qwen3-mixed-modes", 54528},
      {"qwen3-nvfp4-tied", 49984},    {"qwen3_moe-4bit", 92032},
      {"gpt_oss-mxfp4", 202324 + 12}, {"gpt_oss-hub", 105482 + 6}};
  for (const auto& [name, parameters] : counted) {
    const auto folder = fs::path(PARALLM_TEST_DATA) / "models" / name;
    EXPECT_EQ(read_model_facts(folder).parameters, parameters) << name;
  }
}

TEST_F(Load, AnAdaptersNumbersAreNoParametersOfTheModel) {
  copy("llama-4bit");
  const fs::path adapter =
      fs::path(PARALLM_TEST_DATA) / "adapters" / "llama-4bit-dora";
  EXPECT_EQ(
      read_model_facts(folder_.path(), {.adapter = adapter}).parameters,
      read_model_facts(folder_.path()).parameters);
}

TEST_F(Load, CountsTheBytesOfAnAdapterAsWell) {
  copy("llama-4bit");
  const fs::path adapter =
      fs::path(PARALLM_TEST_DATA) / "adapters" / "llama-4bit-dora";
  const auto plain = read_model_facts(folder_.path());
  const auto facts = read_model_facts(folder_.path(), {.adapter = adapter});
  EXPECT_EQ(plain.adapter, "");
  EXPECT_EQ(facts.adapter, "dora of rank 3 in 4 modules");
  size_t bytes = plain.weight_bytes;
  for (const auto& [name, tensor] :
       mx::load_safetensors((adapter / "adapters.safetensors").string())
           .first) {
    bytes += tensor.nbytes();
  }
  EXPECT_EQ(facts.weight_bytes, bytes);
}

TEST_F(Load, AnAdapterOfAnotherModelIsRefused) {
  const fs::path adapter =
      fs::path(PARALLM_TEST_DATA) / "adapters" / "llama-4bit-lora";
  try {
    load_model(folder_.path(), {.adapter = adapter});
    FAIL();
  } catch (const StartError& error) {
    EXPECT_EQ(error.exit_code, kExitBadData);
    EXPECT_EQ(
        std::string(error.what()),
        (adapter / "adapters.safetensors").string() +
            ": tensor model.layers.0.self_attn.q_proj.lora_a has shape (64, "
            "5), expected (36, 5): the adapter, made for models/llama-4bit, "
            "does not fit " +
            folder_.path().filename().string());
  }
}

TEST_F(Load, PrefersGenerationConfig) {
  folder_.write(
      "generation_config.json",
      R"({"eos_token_id": [5, 6], "temperature": 0.7, "top_p": 0.9,
          "top_k": 40, "min_p": 0.05, "repetition_penalty": 1.1})");
  auto facts = read_model_facts(folder_.path());
  EXPECT_EQ(facts.end_tokens, (std::vector<TokenId>{5, 6}));
  EXPECT_EQ(facts.sampling.temperature, 0.7f);
  EXPECT_EQ(facts.sampling.top_p, 0.9f);
  EXPECT_EQ(facts.sampling.top_k, 40);
  EXPECT_EQ(facts.sampling.min_p, 0.05f);
  EXPECT_EQ(facts.sampling.repetition_penalty, 1.1f);
  folder_.write(
      "generation_config.json", R"({"do_sample": false, "temperature": 0.7})");
  facts = read_model_facts(folder_.path());
  EXPECT_EQ(facts.sampling.temperature, 0.0f);
  EXPECT_EQ(facts.end_tokens, std::vector<TokenId>{2});
  EXPECT_FALSE(facts.sampling.top_p);
}

TEST_F(Load, ATopKOfMinusOneIsOff) {
  folder_.write("generation_config.json", R"({"top_k": -1})");
  EXPECT_EQ(read_model_facts(folder_.path()).sampling.top_k, 0);
  folder_.write("generation_config.json", R"({"top_k": -2})");
  EXPECT_THROW(read_model_facts(folder_.path()), StartError);
}

TEST_F(Load, AGenerationConfigThatNobodyWantsMayBeBroken) {
  const auto end_tokens = [&](const std::string& text) {
    folder_.write("generation_config.json", text);
    const auto facts =
        read_model_facts(folder_.path(), {.use_generation_config = false});
    EXPECT_FALSE(facts.sampling.temperature);
    return facts.end_tokens;
  };
  const std::vector<TokenId> of_generation{5}, of_config{2};
  EXPECT_EQ(
      end_tokens(R"({"eos_token_id": 5, "temperature": 0.7})"), of_generation);
  EXPECT_EQ(
      end_tokens(R"({"eos_token_id": 5, "temperature": "hot"})"),
      of_generation);
  EXPECT_EQ(end_tokens(R"({"eos_token_id": "five"})"), of_config);
  EXPECT_EQ(end_tokens("{"), of_config);
  EXPECT_THROW(read_model_facts(folder_.path()), StartError);
}

// The caller then asks the tokenizer.
TEST_F(Load, EndTokensThatNoFileNamesAreNone) {
  folder_.write("generation_config.json", R"({"eos_token_id": []})");
  EXPECT_EQ(
      read_model_facts(folder_.path()).end_tokens, std::vector<TokenId>{2});
  replace("config.json", "\"eos_token_id\": 2", "\"eos_token_id\": null");
  EXPECT_TRUE(read_model_facts(folder_.path()).end_tokens.empty());
}

// The checkpoint of mistral-f32, within one of a model that also sees.
TEST_F(Load, TellsWhichPartsAreLeftOut) {
  copy("mistral-f32");
  folder_.write(
      "config.json", fmt::format(
                         R"({{"model_type": "mistral3", "text_config": {}}})",
                         folder_.read("config.json")));
  EXPECT_THAT(read_model_facts(folder_.path()).left_out, testing::IsEmpty());
  change_tensors([](auto& tensors) {
    const auto half_mib = mx::zeros({1 << 17}, mx::float32);
    tensors.insert_or_assign("vision_tower.a", half_mib);
    tensors.insert_or_assign("vision_tower.b.c", half_mib);
    tensors.insert_or_assign("multi_modal_projector.d", half_mib);
  });
  EXPECT_THAT(
      read_model_facts(folder_.path()).left_out,
      testing::ElementsAre(
          "vision_tower, 2 tensors of 1.0 MiB: images are not read",
          "multi_modal_projector, 1 tensor of 0.5 MiB: images are not read"));
  EXPECT_EQ(complaint(), "accepted");
}

TEST_F(Load, TellsThatLayersBehindTheLastAreLeftOut) {
  copy("deepseek_v3-hub");
  const auto facts = read_model_facts(folder_.path());
  EXPECT_THAT(
      facts.left_out,
      testing::ElementsAre(testing::StartsWith(fmt::format(
          "model.layers.{} and above, 3 tensors of 0.0 MiB: guesses ",
          facts.arch.layers.size()))));
}

} // namespace
} // namespace parallm
