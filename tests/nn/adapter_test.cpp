#include "nn/adapter.h"

#include <gmock/gmock.h>

#include "nn/embedding.h"
#include "tests/nn/adapter_folder.h"

namespace parallm {
namespace {

using namespace test;

// For a linear layer "w" of 6 inputs and 5 outputs.
const Tensors kLora = {
    {"w.lora_a", mx::ones({6, 2})}, {"w.lora_b", mx::ones({2, 5})}};
const Tensors kDora = {
    {"w.lora_a", mx::ones({6, 2})},
    {"w.lora_b", mx::ones({2, 5})},
    {"w.m", mx::ones({5})}};

Tensors with(Tensors tensors, const std::string& name, const mx::array& value) {
  tensors.insert_or_assign(name, value);
  return tensors;
}

Tensors without(Tensors tensors, const std::string& name) {
  tensors.erase(name);
  return tensors;
}

class AdapterErrors : public AdapterFolder {
 protected:
  // Of the files alone.
  std::string find_complaint(int exit_code = kExitBadData) {
    return complaint(exit_code, [&] { AdapterFiles::find(adapter_.path()); });
  }

  std::string said_of(const std::string& config) {
    save_adapter(config, kLora);
    return find_complaint();
  }

  std::string said_of(const std::string& type, const Tensors& tensors) {
    save_adapter(config(type, 2, "1.5"), tensors);
    return find_complaint();
  }

  // Of files that are well, next to the layer "w" and the embedding "e".
  std::string load_complaint(const std::string& type, const Tensors& tensors) {
    EXPECT_EQ(said_of(type, tensors), "accepted");
    return load_complaint();
  }

  std::string load_complaint() {
    save_checkpoint(
        {{"w.weight", mx::ones({5, 6})}, {"e.weight", mx::ones({7, 4})}});
    return complaint(kExitBadData, [&] {
      auto checkpoint = open();
      Embedding(checkpoint, "e", 7, 4, {});
      Linear(checkpoint, "w", {6, 5}, {});
      checkpoint.finish();
    });
  }
};

TEST_F(AdapterErrors, AnAdapterThatIsWellIsTaken) {
  EXPECT_EQ(load_complaint("lora", kLora), "accepted");
  EXPECT_EQ(load_complaint("dora", kDora), "accepted");
}

TEST_F(AdapterErrors, AFolderOrFileThatIsAbsentIsNotFound) {
  const auto nowhere = adapter_.path() / "nowhere";
  EXPECT_EQ(
      complaint(kExitNotFound, [&] { AdapterFiles::find(nowhere); }),
      "FOLDER/nowhere: not a folder; expected a LoRA or DoRA adapter as mlx-lm "
      "writes it");
  EXPECT_EQ(
      find_complaint(kExitNotFound),
      "FOLDER/adapter_config.json: no such file");
  adapter_.write(kConfigFile, config("lora", 2, "1"));
  EXPECT_EQ(
      find_complaint(kExitNotFound),
      "FOLDER/adapters.safetensors: no such file");
}

TEST_F(AdapterErrors, AModelIsToldFromAnAdapter) {
  adapter_.write("config.json", "{}");
  EXPECT_EQ(
      find_complaint(kExitBadData),
      "FOLDER: a model (config.json, no adapter_config.json), expected an "
      "adapter; give it as --model-path");
  adapter_.write(kConfigFile, "{}"); // some adapters come with such a file
  EXPECT_EQ(
      find_complaint(kExitBadData),
      "FOLDER/adapter_config.json: lora_parameters is missing, expected an "
      "object");
}

TEST_F(AdapterErrors, TheTypeIsLoraUnlessItSaysDora) {
  const std::string parameters =
      R"("lora_parameters": {"rank": 2, "scale": 1}})";
  save_adapter("{" + parameters, kLora);
  EXPECT_EQ(AdapterFiles::find(adapter_.path()).kind, AdapterKind::kLora);
  EXPECT_EQ(
      said_of(R"({"fine_tune_type": "full", )" + parameters),
      "FOLDER/adapter_config.json: fine_tune_type is \"full\", expected lora "
      "or "
      "dora");
  EXPECT_EQ(
      said_of(R"({"fine_tune_type": 1, )" + parameters),
      "FOLDER/adapter_config.json: fine_tune_type is 1, expected a string");
  EXPECT_EQ(
      said_of(R"({"peft_type": "LORA", "r": 2})"),
      "FOLDER/adapter_config.json: peft_type is \"LORA\", expected an adapter "
      "of mlx-lm, without it");
}

TEST_F(AdapterErrors, NamesTheParameterThatIsWrong) {
  const auto said = [&](const std::string& parameters) {
    return said_of(R"({"lora_parameters": )" + parameters + "}").substr(28);
  };
  EXPECT_EQ(
      said_of(R"({"num_layers": 4})"),
      "FOLDER/adapter_config.json: lora_parameters is missing, expected an "
      "object");
  EXPECT_EQ(
      said(R"({"rank": 0, "scale": 1})"),
      "lora_parameters.rank is 0, expected an integer from 1 to 65536");
  EXPECT_EQ(
      said(R"({"scale": 1})"),
      "lora_parameters.rank is missing, expected an integer from 1 to 65536");
  EXPECT_EQ(
      said(R"({"rank": 2, "scale": "20"})"),
      "lora_parameters.scale is \"20\", expected a number from -1000000 to "
      "1000000");
  EXPECT_EQ(
      said(R"({"rank": 2, "alpha": 16})"),
      "lora_parameters.scale is missing; mlx-lm has no alpha");
}

TEST_F(AdapterErrors, NamesATensorThatBelongsToNoAdapter) {
  EXPECT_EQ(
      said_of("lora", with(kLora, "w.weight", mx::ones({5, 6}))),
      "FOLDER/adapters.safetensors: tensor w.weight is none of a lora adapter, "
      "expected a name that ends in .lora_a, .lora_b");
  EXPECT_EQ(
      said_of("dora", with(kDora, "norm", mx::ones({5}))),
      "FOLDER/adapters.safetensors: tensor norm is none of a dora adapter, "
      "expected a name that ends in .lora_a, .lora_b or .m");
  EXPECT_EQ(
      said_of("lora", kDora),
      "FOLDER/adapters.safetensors: tensor w.m is none of a lora adapter, "
      "expected a name that ends in .lora_a, .lora_b");
}

TEST_F(AdapterErrors, NamesTheTensorThatIsMissing) {
  EXPECT_EQ(
      said_of("lora", without(kLora, "w.lora_b")),
      "FOLDER/adapters.safetensors: tensor w.lora_b is missing, as w.lora_a is "
      "there");
  EXPECT_EQ(
      said_of("lora", without(kLora, "w.lora_a")),
      "FOLDER/adapters.safetensors: tensor w.lora_a is missing, as w.lora_b is "
      "there");
  EXPECT_EQ(
      said_of("dora", kLora),
      "FOLDER/adapters.safetensors: tensor w.m is missing, as w.lora_a is "
      "there");
  EXPECT_EQ(
      said_of("lora", {}), "FOLDER/adapters.safetensors: holds no tensor");
}

TEST_F(AdapterErrors, NamesATensorThatIsNotFloat) {
  EXPECT_EQ(
      said_of("lora", with(kLora, "w.lora_b", mx::ones({2, 5}, mx::int32))),
      "FOLDER/adapters.safetensors: tensor w.lora_b has type I32, expected "
      "F32, F16 or BF16");
}

TEST_F(AdapterErrors, NamesATensorOfAnotherRank) {
  EXPECT_EQ(
      said_of("lora", with(kLora, "w.lora_a", mx::ones({6, 3}))),
      "FOLDER/adapters.safetensors: tensor w.lora_a has shape (6, 3), expected "
      "(inputs, 2): lora_parameters.rank of adapter_config.json is 2");
  EXPECT_EQ(
      said_of("lora", with(kLora, "w.lora_b", mx::ones({3, 5}))),
      "FOLDER/adapters.safetensors: tensor w.lora_b has shape (3, 5), expected "
      "(2, outputs): lora_parameters.rank of adapter_config.json is 2");
  EXPECT_EQ(
      said_of("lora", with(kLora, "w.lora_a", mx::ones({4, 2, 6}))),
      "FOLDER/adapters.safetensors: tensor w.lora_a has shape (4, 2, 6), "
      "expected (inputs, 2): lora_parameters.rank of adapter_config.json is 2");
}

TEST_F(AdapterErrors, NamesATensorThatDoesNotFitTheLayer) {
  EXPECT_EQ(
      load_complaint("lora", with(kLora, "w.lora_a", mx::ones({5, 2}))),
      "FOLDER/adapters.safetensors: tensor w.lora_a has shape (5, 2), expected "
      "(6, 2): the adapter does not fit x");
  EXPECT_EQ(
      load_complaint("lora", with(kLora, "w.lora_b", mx::ones({2, 6}))),
      "FOLDER/adapters.safetensors: tensor w.lora_b has shape (2, 6), expected "
      "(2, 5): the adapter does not fit x");
  EXPECT_EQ(
      load_complaint("dora", with(kDora, "w.m", mx::ones({5, 1}))),
      "FOLDER/adapters.safetensors: tensor w.m has shape (5, 1), expected (5): "
      "the adapter does not fit x");
}

TEST_F(AdapterErrors, NamesTheModelThatItWasMadeFor) {
  const auto tensors = with(kLora, "w.lora_a", mx::ones({5, 2}));
  for (const std::string key : {"model", "base_model_name_or_path"}) {
    save_adapter(
        "{\"" + key +
            R"(": "a/b", "lora_parameters": {"rank": 2, "scale": 1}})",
        tensors);
    EXPECT_THAT(
        load_complaint(),
        testing::EndsWith(": the adapter, made for a/b, does not fit x"));
  }
}

TEST_F(AdapterErrors, NamesWhatNoLayerTook) {
  auto tensors = with(kLora, "v.lora_a", mx::ones({6, 2}));
  tensors = with(tensors, "v.lora_b", mx::ones({2, 5}));
  EXPECT_EQ(
      load_complaint("lora", tensors),
      "FOLDER/adapters.safetensors: 2 tensors are left over: v.lora_a, "
      "v.lora_b, as the model has no linear layer of this name: the adapter "
      "does not fit x");
}

TEST_F(AdapterErrors, AnEmbeddingCannotBeAdapted) {
  auto tensors = with(kLora, "e.lora_a", mx::ones({7, 2}));
  tensors = with(tensors, "e.lora_b", mx::ones({2, 4}));
  EXPECT_EQ(
      load_complaint("lora", tensors),
      "FOLDER/adapters.safetensors: tensor e.lora_a is for an embedding, "
      "expected linear layers only");
}

TEST_F(AdapterErrors, ATruncatedFileIsFoundBeforeAnythingIsLoaded) {
  save_adapter(config("lora", 2, "1"), kLora);
  const std::string whole = adapter_.read(kTensorFile);
  adapter_.write(kTensorFile, whole.substr(0, whole.size() - 1));
  EXPECT_TRUE(
      find_complaint().starts_with("FOLDER/adapters.safetensors: truncated: "));
}

TEST_F(AdapterErrors, TheFilesTellWhatTheyHold) {
  save_adapter(config("dora", 2, "1"), kDora);
  const auto files = AdapterFiles::find(adapter_.path());
  EXPECT_EQ(files.text(), "dora of rank 2 in 1 module");
}

} // namespace
} // namespace parallm
