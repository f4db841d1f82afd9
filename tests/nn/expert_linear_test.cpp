#include "nn/expert_linear.h"

#include "kernels/experts/expert_linear.h"

#include "tests/nn/adapter_folder.h"
#include "tests/support/packed_weights.h"

namespace parallm {
namespace {

using namespace test;

constexpr int kExperts = 4;
constexpr int kInputs = 64;
constexpr int kOutputs = 5;

class ExpertCheckpoint : public AdapterFolder {
 protected:
  const mx::array w = random_array({kExperts, kOutputs, kInputs}, 1);
  const mx::array bias = random_array({kExperts, kOutputs}, 2);
  const mx::array x = random_array({3, kInputs}, 3);
  const mx::array ids = mx::reshape(ints({3, 0, 1, 1, 0, 3}), {3, 2});

  Quantization quantization(const std::string& block) const {
    base_.write("config.json", block);
    return Quantization::read(ConfigJson::read(base_.path() / "config.json"));
  }

  ExpertLinear load(
      Bias has_bias,
      const std::string& block = "{}",
      std::optional<mx::Dtype> dtype = std::nullopt) const {
    Checkpoint checkpoint(base_.path(), dtype);
    ExpertLinear layer(
        checkpoint, "e", {kExperts, kInputs, kOutputs, has_bias},
        quantization(block));
    checkpoint.finish();
    return layer;
  }
};

TEST_F(ExpertCheckpoint, LoadsADenseStackWithItsBias) {
  save_checkpoint({{"e.weight", w}, {"e.bias", bias}});
  const auto layer = load(Bias::kRequired);
  EXPECT_TRUE(
      same_bits(layer(x, ids), expert_linear(x, ids, w, bias, mx::float32)));
  const auto own = random_array({3, 2, kInputs}, 4, mx::bfloat16);
  const auto y = layer(own, ids, mx::float32);
  EXPECT_TRUE(same_bits(y, expert_linear(own, ids, w, bias, mx::float32)));
  EXPECT_EQ(layer(own, ids).dtype(), mx::bfloat16);
}

TEST_F(ExpertCheckpoint, LoadsPackedStacks) {
  for (const auto& form : packed_forms()) {
    if (form.group_size > kInputs) {
      continue;
    }
    const auto packed = quantized(w, form);
    Tensors tensors{{"e.weight", packed.packed}, {"e.scales", packed.scales}};
    if (packed.biases) {
      tensors.emplace("e.biases", *packed.biases);
    }
    save_checkpoint(tensors);
    const auto block = fmt::format(
        R"({{"quantization": {{"mode": "{}", "bits": {},
            "group_size": {}}}}})",
        name_of(form.mode), form.bits, form.group_size);
    EXPECT_TRUE(same_bits(
        load(Bias::kNone, block)(x, ids),
        expert_linear(x, ids, packed, std::nullopt, mx::float32)))
        << text(form);
  }
}

// 1 + 2^-12 is no bf16.
TEST_F(ExpertCheckpoint, GlobalScalesOfNvfp4StayExactWhateverTheType) {
  auto packed = quantized(w, {QuantMode::kNvfp4, 4, 16});
  packed.global_scale = mx::full({kExperts}, 2688 * (1 + 1.0f / 4096));
  save_checkpoint(
      {{"e.weight", packed.packed},
       {"e.scales", packed.scales},
       {"e.global_scale", *packed.global_scale}});
  const auto layer = load(
      Bias::kNone,
      R"({"quantization": {"mode": "nvfp4", "bits": 4, "group_size": 16,
          "e": {"mode": "nvfp4", "bits": 4, "group_size": 16,
                "global_scale": true}}})",
      mx::bfloat16);
  EXPECT_TRUE(same_bits(
      layer(x, ids), expert_linear(x, ids, packed, std::nullopt, mx::float32)));
}

TEST_F(ExpertCheckpoint, NamesATensorThatDoesNotFit) {
  save_checkpoint({{"e.weight", w}});
  EXPECT_TRUE(complaint(kExitBadData, [&] {
                load(Bias::kRequired);
              }).ends_with("tensor e.bias is missing, expected shape (4, 5)"));
  save_checkpoint({{"e.weight", mx::swapaxes(w, 1, 2)}});
  EXPECT_TRUE(complaint(kExitBadData, [&] { load(Bias::kNone); })
                  .ends_with("tensor e.weight has shape (4, 64, 5), expected "
                             "(4, 5, 64)"));
}

// Adapters that are stacks themselves are refused before (AdapterFiles).
TEST_F(ExpertCheckpoint, RefusesAnAdapterOfExperts) {
  save_checkpoint({{"e.weight", w}});
  save_adapter(
      config("lora", 2, "1"), {{"e.lora_a", mx::ones({kInputs, 2})},
                               {"e.lora_b", mx::ones({2, kOutputs})}});
  EXPECT_EQ(
      complaint(
          kExitBadData,
          [&] {
            auto checkpoint = open();
            ExpertLinear(checkpoint, "e", {kExperts, kInputs, kOutputs}, {});
          }),
      "FOLDER/adapters.safetensors: tensor e.lora_a is for an expert layer, "
      "expected linear layers only");
}

} // namespace
} // namespace parallm
