#include "nn/lora.h"

#include <fmt/format.h>

#include "nn/linear.h"
#include "tests/nn/adapter_folder.h"

namespace parallm {
namespace {

using namespace test;

constexpr int kInputs = 96; // three groups
constexpr int kOutputs = 19;
constexpr int kRows = 7;
constexpr float kScale = 1.7f;

enum class Base : uint8_t { kDense, kPacked };

struct Form {
  AdapterKind kind;
  Base base;
  Bias bias;
  mx::Dtype weight;
  mx::Dtype adapter;
  int rank;
};

std::string form_name(const testing::TestParamInfo<Form>& info) {
  const Form& f = info.param;
  const auto bits = [](mx::Dtype dtype) {
    return dtype == mx::bfloat16  ? "Brain"
           : dtype == mx::float16 ? "Half"
                                  : "Float";
  };
  return fmt::format(
      "{}Of{}On{}{}{}Rank{}", f.kind == AdapterKind::kDora ? "Dora" : "Lora",
      bits(f.adapter), f.base == Base::kPacked ? "Packed" : "Dense",
      bits(f.weight), f.bias == Bias::kRequired ? "WithBias" : "", f.rank);
}

std::vector<Form> forms() {
  std::vector<Form> all;
  int rank = 0;
  for (const auto kind : {AdapterKind::kLora, AdapterKind::kDora}) {
    for (const auto base : {Base::kDense, Base::kPacked}) {
      for (const auto bias : {Bias::kNone, Bias::kRequired}) {
        for (const auto weight : {mx::float32, mx::float16, mx::bfloat16}) {
          for (const auto adapter : {mx::float32, mx::bfloat16}) {
            constexpr int kRanks[] = {1, 5, 17};
            all.push_back(
                {kind, base, bias, weight, adapter, kRanks[rank++ % 3]});
          }
        }
      }
    }
  }
  return all;
}

class LoraForm : public AdapterFolder,
                 public testing::WithParamInterface<Form> {
 protected:
  const Form form = GetParam();
  const mx::array x = random_array({kRows, kInputs}, 1, form.weight);
  const mx::array w = random_array({kOutputs, kInputs}, 2, form.weight) *
                      mx::array(0.1f, form.weight);
  const mx::array bias = random_array({kOutputs}, 3, form.weight);
  const mx::array a = random_array({kInputs, form.rank}, 4, form.adapter) *
                      mx::array(0.1f, form.adapter);
  const mx::array b = random_array({form.rank, kOutputs}, 5, form.adapter);
  const mx::array m = mx::abs(random_array({kOutputs}, 6, form.adapter));

  bool dora() const { return form.kind == AdapterKind::kDora; }
  bool packed() const { return form.base == Base::kPacked; }

  Tensors base_tensors() const {
    Tensors tensors{{"w.weight", w}};
    if (packed()) {
      const auto parts = mx::quantize(w, 32, 8);
      tensors = {
          {"w.weight", parts[0]},
          {"w.scales", parts[1]},
          {"w.biases", parts[2]}};
    }
    if (form.bias == Bias::kRequired) {
      tensors.emplace("w.bias", bias);
    }
    return tensors;
  }

  Quantization quantization() const {
    base_.write(
        "config.json",
        packed() ? R"({"quantization": {"group_size": 32, "bits": 8}})" : "{}");
    return Quantization::read(ConfigJson::read(base_.path() / "config.json"));
  }

  Linear load() const {
    save_checkpoint(base_tensors());
    Tensors lora{{"w.lora_a", a}, {"w.lora_b", b}};
    if (dora()) {
      lora.emplace("w.m", m);
    }
    save_adapter(
        config(dora() ? "dora" : "lora", form.rank, fmt::format("{}", kScale)),
        lora);
    auto checkpoint = open();
    Linear linear(
        checkpoint, "w", {kInputs, kOutputs, form.bias}, quantization());
    checkpoint.finish();
    return linear;
  }

  mx::array unpacked() const {
    if (!packed()) {
      return w;
    }
    const auto parts = mx::quantize(w, 32, 8);
    return mx::dequantize(parts[0], parts[1], parts[2], 32, 8);
  }

  static mx::array scaled(const mx::array& z) {
    return mx::array(kScale, z.dtype()) * z;
  }

  // As mlx-lm's LoRALinear and DoRALinear have it, line by line.
  mx::array naive() const {
    const auto weight = unpacked();
    auto y = mx::matmul(x, mx::transpose(weight));
    const bool biased = form.bias == Bias::kRequired;
    if (biased && !dora()) {
      y = y + bias;
    }
    const auto z = mx::matmul(mx::matmul(x, a), b);
    y = y + mx::astype(scaled(z), x.dtype());
    if (!dora()) {
      return y;
    }
    const auto adapted =
        weight + mx::matmul(scaled(mx::transpose(b)), mx::transpose(a));
    const auto length = mx::sqrt(mx::sum(mx::square(adapted), 1));
    y = mx::astype(m / length, x.dtype()) * y;
    return biased ? y + bias : y;
  }
};

TEST_P(LoraForm, EqualsMlxLmsArithmetic) {
  const auto ours = load()(x);
  EXPECT_EQ(ours.dtype(), form.weight);
  const auto size = mx::max(mx::abs(naive()));
  EXPECT_LT(
      max_difference(ours, naive()),
      2 *
          rounding(std::max(
              {form.weight, form.adapter},
              [](auto p, auto q) { return rounding(p) < rounding(q); })) *
          floats(size)[0]);
}

TEST_P(LoraForm, GivesARowTheSameBitsInAnyBatch) {
  const auto linear = load();
  const auto together = linear(x);
  for (int row = 0; row < kRows; ++row) {
    EXPECT_TRUE(
        same_bits(linear(rows(x, row, row + 1)), rows(together, row, row + 1)));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Forms, LoraForm, testing::ValuesIn(forms()), form_name);

class Lora : public AdapterFolder {
 protected:
  Linear load(std::optional<mx::Dtype> dtype = std::nullopt) const {
    auto checkpoint = open(dtype);
    Linear linear(checkpoint, "w", {1, 1}, {});
    checkpoint.finish();
    return linear;
  }
};

// 1 + 2^-12 is no bf16, and neither is a product with it.
TEST_F(Lora, AnAdapterKeepsItsTypeWhateverTheWeightsAndInputsAre) {
  const float fine = 1 + 1.0f / 4096;
  save_checkpoint({{"w.weight", mx::zeros({1, 1})}});
  save_adapter(
      config("lora", 1, "4"),
      {{"w.lora_a", mx::full({1, 1}, fine)}, {"w.lora_b", mx::ones({1, 1})}});
  EXPECT_EQ(
      floats(load(mx::bfloat16)(mx::ones({1, 1}, mx::bfloat16), mx::float32)),
      std::vector<float>{4 * fine});
}

// In float32 the sum would be 258.
TEST_F(Lora, TheChangeIsRoundedBeforeItIsAdded) {
  const auto one = [](float value) {
    return mx::full({1, 1}, value, mx::bfloat16);
  };
  save_checkpoint({{"w.weight", one(256)}});
  save_adapter(
      config("lora", 1, "0.5"), {{"w.lora_a", mx::astype(one(1), mx::float32)},
                                 {"w.lora_b", mx::full({1, 1}, 2.005f)}});
  EXPECT_EQ(floats(load()(one(1))), std::vector<float>{256});
}

TEST_F(Lora, ALayerThatTheAdapterDoesNotNameIsLeftAlone) {
  const auto w = random_array({5, 6}, 1);
  const auto x = random_array({3, 6}, 2);
  save_checkpoint({{"v.weight", w}, {"w.weight", mx::ones({1, 1})}});
  save_adapter(
      config("lora", 1, "1"),
      {{"w.lora_a", mx::ones({1, 1})}, {"w.lora_b", mx::ones({1, 1})}});
  auto checkpoint = open();
  const Linear plain(checkpoint, "v", {6, 5}, {});
  Linear(checkpoint, "w", {1, 1}, {});
  checkpoint.finish();
  EXPECT_TRUE(same_bits(plain(x), linear(x, w, std::nullopt, mx::float32)));
}

// A library's product may give a row the same bits in every batch, on this
// machine and for these sizes; our kernel promises it.
TEST_F(Lora, ItsProductsAreThoseOfTheKernelThatKnowsNoBatch) {
  const auto a = random_array({1000, 8}, 1), b = random_array({8, 30}, 2);
  const auto x = random_array({3, 1000}, 3);
  save_checkpoint({{"w.weight", mx::zeros({30, 1000})}});
  save_adapter(config("lora", 8, "1"), {{"w.lora_a", a}, {"w.lora_b", b}});
  auto checkpoint = open();
  const Linear layer(checkpoint, "w", {1000, 30}, {});
  checkpoint.finish();
  const auto product = [](const mx::array& left, const mx::array& right) {
    return linear(left, mx::transpose(right), std::nullopt, mx::float32);
  };
  EXPECT_TRUE(same_bits(layer(x), product(product(x, a), b)));
}

TEST_F(Lora, NoStepComputesWhatIsTheSameForAll) {
  save_checkpoint({{"w.weight", mx::ones({5, 6})}});
  save_adapter(
      config("dora", 2, "1"), {{"w.lora_a", mx::ones({6, 2})},
                               {"w.lora_b", mx::ones({2, 5})},
                               {"w.m", mx::ones({5})}});
  auto checkpoint = open();
  const auto weight = checkpoint.take("w.weight", {5, 6});
  const LoraDelta delta(checkpoint, *checkpoint.take_lora("w", 6, 5), weight);
  EXPECT_FALSE(delta.magnitude()->is_available());
  checkpoint.finish();
  EXPECT_TRUE(delta.magnitude()->is_available());
}

} // namespace
} // namespace parallm
