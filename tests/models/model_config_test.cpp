#include "models/model_config.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/check.h"
#include "tests/support/temporary_folder.h"

namespace parallm {
namespace {

namespace fs = std::filesystem;

class ModelConfig : public testing::Test {
 protected:
  void config(const std::string& architectures) {
    folder_.write("config.json", R"({"architectures": )" + architectures + "}");
  }

  void module(const std::string& type) {
    folder_.write(
        "modules.json",
        R"([{"idx": 0, "name": "0", "path": "",
             "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_X", "type": ")" +
            type + R"("}])");
  }

  // What is said of the folder, without its path.
  std::string complaint(int exit_code = kExitBadData) {
    const std::string path = folder_.path().string() + ": ";
    try {
      read_model_config(folder_.path());
    } catch (const StartError& error) {
      const std::string what = error.what();
      EXPECT_EQ(error.exit_code, exit_code);
      EXPECT_TRUE(what.starts_with(path)) << what;
      return what.substr(path.size());
    }
    return "accepted";
  }

  test::TemporaryFolder folder_;
};

constexpr auto kRest =
    ", which this version cannot serve; expected a model that generates text, "
    "such as the built-in parallm-tiny";

TEST_F(ModelConfig, OfAFolderOfModelsNamesThem) {
  const std::string nothing =
      "no config.json in it; expected the folder of an MLX checkpoint";
  const auto put = [&](const std::string& name, const std::string& file) {
    fs::create_directory(folder_.path() / name);
    folder_.write(name + "/" + file, "{}");
  };
  put("adapter", "adapter_config.json");
  EXPECT_EQ(complaint(kExitNotFound), nothing);
  put("b", "config.json");
  put("a", "config.json");
  EXPECT_EQ(
      complaint(kExitNotFound),
      nothing + "; of the folders in it these look like models: a, b");
  for (const char* name : {"c", "d", "e", "f", "g", "h", "i"}) {
    put(name, "config.json");
  }
  EXPECT_TRUE(
      complaint(kExitNotFound).ends_with(": a, b, c, d, e, f, g, h, ..."));
}

TEST_F(ModelConfig, IsReadWhereTheModelGenerates) {
  for (const char* architectures :
       {R"(["LlamaForCausalLM"])", R"(["Gemma3ForConditionalGeneration"])",
        R"(["GPT2LMHeadModel"])", R"(["LlamaModel"])", "[]", "null"}) {
    config(architectures);
    EXPECT_EQ(complaint(), "accepted") << architectures;
  }
}

TEST_F(ModelConfig, APoolingModuleMakesAnEmbeddingModel) {
  const std::string expected =
      std::string("an embedding model (modules.json names a Pooling module)") +
      kRest;
  for (const char* architectures :
       {R"(["LlamaModel"])", R"(["Qwen3ForCausalLM"])"}) {
    config(architectures);
    for (const char* type :
         {"sentence_transformers.models.Pooling",
          "sentence_transformers.sentence_transformer.modules.pooling."
          "Pooling"}) {
      module(type);
      EXPECT_EQ(complaint(), expected) << type;
    }
  }
}

TEST_F(ModelConfig, OtherModulesAreNoSign) {
  config(R"(["Qwen3ForCausalLM"])");
  module("sentence_transformers.cross_encoder.modules.LogitScore");
  EXPECT_EQ(complaint(), "accepted");
  for (const char* text : {"{", "{}", "[]", "[1]", R"([{"idx": 0}])"}) {
    folder_.write("modules.json", text);
    EXPECT_EQ(complaint(), "accepted") << text;
  }
}

TEST_F(ModelConfig, AHeadForScoresMakesARewardModel) {
  for (const std::string name :
       {"LlamaForSequenceClassification", "Qwen2ForTokenClassification",
        "Qwen2ForProcessRewardModel", "LlamaForRewardModelWithGating",
        "BertForSequenceClassification"}) {
    config(R"([")" + name + R"("])");
    EXPECT_EQ(
        complaint(),
        "a reward model or classifier (config.json: architectures is " + name +
            ")" + kRest);
  }
}

TEST_F(ModelConfig, AnAdapterIsToldFromAModel) {
  folder_.write("adapter_config.json", "{}");
  EXPECT_EQ(
      complaint(),
      "an adapter (adapter_config.json, no config.json), expected a model; "
      "give it as --lora-path, beside the --model-path of the model that it "
      "changes");
  config(R"(["LlamaForCausalLM"])"); // fused, beside what was fused into it
  EXPECT_EQ(complaint(), "accepted");
}

TEST(ModelConfigOfShipped, OnlyThoseThatGenerateAreRead) {
  const fs::path models = fs::path(PARALLM_TEST_DATA) / "../../models";
  for (const char* name : {"parallm-tiny", "parallm-tiny-draft"}) {
    EXPECT_NO_THROW(read_model_config(models / name)) << name;
  }
  for (const char* name :
       {"parallm-tiny-embedding", "parallm-tiny-reward", "parallm-tiny-json"}) {
    EXPECT_THROW(read_model_config(models / name), StartError) << name;
  }
}

} // namespace
} // namespace parallm
