#include "nn/weight.h"

#include <gtest/gtest.h>

#include "base/check.h"
#include "nn/embedding.h"
#include "tests/support/packed_weights.h"
#include "tests/support/temporary_folder.h"

namespace parallm {
namespace {

using namespace test;

using Tensors = std::unordered_map<std::string, mx::array>;

constexpr int kRows = 5;
constexpr int kColumns = 128;

class PackedCheckpoint : public testing::Test {
 protected:
  void save(const Tensors& tensors) {
    mx::save_safetensors(
        (folder_.path() / "model.safetensors").string(), tensors);
  }

  void save(const QuantizedWeight& w) {
    Tensors tensors{{"w.weight", w.packed}, {"w.scales", w.scales}};
    if (w.biases) {
      tensors.emplace("w.biases", *w.biases);
    }
    save(tensors);
  }

  Quantization quantization(const PackedForm& form) {
    folder_.write(
        "config.json", fmt::format(
                           R"({{"quantization": {{"mode": "{}", "bits": {},
                "group_size": {}}}}})",
                           name_of(form.mode), form.bits, form.group_size));
    return Quantization::read(ConfigJson::read(folder_.path() / "config.json"));
  }

  Weight load(
      const PackedForm& form, std::optional<mx::Dtype> dtype = std::nullopt) {
    Checkpoint checkpoint(folder_.path(), dtype);
    const Weight weight(checkpoint, "w", kRows, kColumns, quantization(form));
    checkpoint.finish();
    return weight;
  }

  std::string complaint(const PackedForm& form) {
    try {
      load(form);
    } catch (const StartError& error) {
      EXPECT_EQ(error.exit_code, kExitBadData);
      const std::string what = error.what();
      return what.substr(what.find(": ") + 2);
    }
    return "accepted";
  }

  const mx::array w = random_array({kRows, kColumns}, 1);
  TemporaryFolder folder_;
};

TEST_F(PackedCheckpoint, CountsTheNumbersOfEveryForm) {
  for (const auto& form : packed_forms()) {
    SCOPED_TRACE(text(form));
    save(quantized(w, form));
    EXPECT_EQ(
        count_numbers(WeightFiles::find(folder_.path()), quantization(form)),
        size_t{kRows} * kColumns);
  }
}

TEST_F(PackedCheckpoint, CountsDenseNumbersAndNoTables) {
  save(Tensors{
      {"w.weight", w},
      {"b.bias", mx::ones({7}, mx::bfloat16)},
      {"positions", mx::zeros({9}, mx::int32)}});
  EXPECT_EQ(
      count_numbers(WeightFiles::find(folder_.path()), {}),
      size_t{kRows} * kColumns + 7);
}

TEST_F(PackedCheckpoint, LoadsEveryForm) {
  const auto x = random_array({3, kColumns}, 2);
  for (const auto& form : packed_forms()) {
    SCOPED_TRACE(text(form));
    const auto packed = quantized(w, form);
    const auto numbers = dequantized(packed);
    save(packed);
    const auto weight = load(form);
    EXPECT_TRUE(
        same_bits(weight.unpacked(), mx::astype(numbers, weight.dtype())));
    EXPECT_TRUE(same_bits(
        weight.rows(ints({4, 0, 4})),
        mx::astype(mx::take(numbers, ints({4, 0, 4}), 0), weight.dtype())));
    EXPECT_TRUE(same_bits(
        weight.times(x, std::nullopt, mx::float32),
        linear(x, packed, std::nullopt, mx::float32)));
  }
}

TEST_F(PackedCheckpoint, ByteScalesGiveBfloat16UnlessAskedOtherwise) {
  for (const auto& form : packed_forms()) {
    if (form.mode != QuantMode::kAffine) {
      save(quantized(w, form));
      EXPECT_EQ(load(form).dtype(), mx::bfloat16);
      EXPECT_EQ(load(form, mx::float16).dtype(), mx::float16);
      EXPECT_EQ(load(form, mx::float16).rows(ints({0})).dtype(), mx::float16);
      EXPECT_EQ(load(form, mx::float32).unpacked().dtype(), mx::float32);
    }
  }
}

TEST_F(PackedCheckpoint, ScalesAndBiasesOfTwoTypesBecomeOne) {
  const PackedForm form{QuantMode::kAffine, 4, 64};
  auto packed = quantized(w, form);
  packed.scales = mx::astype(packed.scales, mx::float16);
  packed.biases = mx::astype(*packed.biases, mx::bfloat16);
  save(packed);
  const auto weight = load(form);
  EXPECT_EQ(weight.dtype(), mx::float32);
  EXPECT_TRUE(same_bits(weight.unpacked(), dequantized(packed)));
  const auto x = random_array({3, kColumns}, 2);
  EXPECT_LT(
      max_difference(
          weight.times(x, std::nullopt, mx::float32),
          mx::matmul(x, mx::transpose(dequantized(packed)))),
      1e-4f);
  EXPECT_EQ(load(form, mx::bfloat16).dtype(), mx::bfloat16);
}

TEST_F(PackedCheckpoint, ADenseWeightKeepsItsType) {
  save({{"w.weight", mx::astype(w, mx::float16)}});
  const auto weight = load({QuantMode::kMxfp4, 4, 32});
  EXPECT_EQ(weight.dtype(), mx::float16);
  EXPECT_TRUE(same_bits(weight.unpacked(), mx::astype(w, mx::float16)));
}

TEST_F(PackedCheckpoint, NamesATensorOfTheWrongTypeOrWithoutAPlace) {
  const PackedForm mxfp4{QuantMode::kMxfp4, 4, 32};
  const auto affine = quantized(w, {QuantMode::kAffine, 4, 32});
  save({{"w.weight", affine.packed}, {"w.scales", affine.scales}});
  EXPECT_EQ(complaint(mxfp4), "tensor w.scales has type F32, expected U8");
  const auto packed = quantized(w, mxfp4);
  save(packed);
  EXPECT_EQ(
      complaint({QuantMode::kAffine, 4, 32}),
      "tensor w.scales has type U8, expected F32, F16 or BF16");
  EXPECT_EQ(
      complaint({QuantMode::kNvfp4, 4, 16}),
      "tensor w.scales has shape (5, 4), expected (5, 8)");
  save(
      {{"w.weight", packed.packed},
       {"w.scales", packed.scales},
       {"w.biases", mx::zeros({kRows, 4})}});
  EXPECT_EQ(complaint(mxfp4), "1 tensor is left over: w.biases");
}

// The head where it is tied.
TEST_F(PackedCheckpoint, AnEmbeddingOfBytesFeedsTheModelInBfloat16) {
  const PackedForm form{QuantMode::kMxfp8, 8, 32};
  const auto packed = quantized(w, form);
  save(packed);
  Checkpoint checkpoint(folder_.path(), std::nullopt);
  const Embedding embedding(
      checkpoint, "w", kRows, kColumns, quantization(form));
  checkpoint.finish();
  EXPECT_EQ(embedding.dtype(), mx::bfloat16);
  const auto x = embedding(ints({2}));
  EXPECT_EQ(x.dtype(), mx::bfloat16);
  EXPECT_TRUE(same_bits(
      embedding.scores(x), linear(x, packed, std::nullopt, mx::float32)));
}

} // namespace
} // namespace parallm
