#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "kernels/instruction_set.h"
#include "kernels/linear/panel_product.h"

namespace parallm {
namespace {

struct Shape {
  WeightForm form;
  FloatType scale_type;
  int group_size;
};

std::vector<Shape> shapes() {
  std::vector<Shape> all;
  for (const auto form :
       {WeightForm::kAffine2, WeightForm::kAffine3, WeightForm::kAffine4,
        WeightForm::kAffine5, WeightForm::kAffine6, WeightForm::kAffine8}) {
    for (const int group_size : {32, 64, 128}) {
      all.push_back({form, FloatType::kBF16, group_size});
    }
    all.push_back({form, FloatType::kF16, 64});
    all.push_back({form, FloatType::kF32, 32});
  }
  all.push_back({WeightForm::kMxfp4, FloatType::kF32, 32});
  all.push_back({WeightForm::kNvfp4, FloatType::kF32, 16});
  all.push_back({WeightForm::kMxfp8, FloatType::kF32, 32});
  return all;
}

std::string text(const Shape& s) {
  return std::to_string(form_bits(s.form)) + " bits, groups of " +
         std::to_string(s.group_size) + ", form " +
         std::to_string(static_cast<int>(s.form));
}

// A random weight as MLX packs it, and its panels.
class Weight {
 public:
  Weight(const Shape& shape, int outputs, int groups, unsigned seed = 1)
      : layout_{
            shape.form, shape.scale_type, outputs, groups * shape.group_size,
            shape.group_size} {
    std::mt19937 random(seed);
    const size_t numbers = static_cast<size_t>(outputs) * layout_.inputs;
    codes_.resize(numbers * form_bits(shape.form) / 8);
    for (auto& byte : codes_) {
      // no NaN among numbers of mxfp8
      byte = static_cast<uint8_t>(random() & (is_mxfp8() ? 0xbfu : 0xffu));
    }
    const size_t all_groups = static_cast<size_t>(outputs) * groups;
    scales_ = make_scales(random, all_groups, 0.5f);
    biases_ = make_scales(random, all_groups, -4.0f);
    panels_.resize(layout_.bytes());
    pack_panels(
        layout_, {codes_.data(), scales_.data(), biases_.data()}, 0,
        layout_.panels(), panels_.data());
  }

  const PanelLayout& layout() const { return layout_; }
  PanelMatrix matrix() const { return {layout_, panels_.data()}; }

  // Number i of an output, as MLX's own layout has it.
  double number(int output, int i) const {
    const size_t group =
        static_cast<size_t>(output) * layout_.groups() + i / layout_.group_size;
    const double value = value_of(code(output, i));
    if (!is_affine(layout_.form)) {
      return value * byte_scale(scales_[group]);
    }
    return value * float_at(scales_, group) + float_at(biases_, group);
  }

 private:
  bool is_mxfp8() const { return layout_.form == WeightForm::kMxfp8; }

  std::vector<uint8_t> make_scales(
      std::mt19937& random, size_t count, float about) const {
    std::uniform_real_distribution<float> spread(0.5f, 1.0f);
    if (!is_affine(layout_.form)) {
      std::vector<uint8_t> bytes(count);
      for (auto& byte : bytes) {
        byte = static_cast<uint8_t>(
            (layout_.form == WeightForm::kNvfp4 ? 40 : 124) + random() % 6);
      }
      return bytes;
    }
    std::vector<uint8_t> bytes(count * float_bytes(layout_.scale_type));
    for (size_t i = 0; i < count; ++i) {
      const float value = about * spread(random);
      store_row(
          layout_.scale_type, &bytes[i * float_bytes(layout_.scale_type)],
          &value, 1);
    }
    return bytes;
  }

  int code(int output, int i) const {
    const int bits = form_bits(layout_.form);
    const size_t first =
        (static_cast<size_t>(output) * layout_.inputs + i) * bits;
    int code = 0;
    for (int b = 0; b < bits; ++b) {
      code |= (codes_[(first + b) / 8] >> ((first + b) % 8) & 1) << b;
    }
    return code;
  }

  double value_of(int code) const {
    if (is_affine(layout_.form)) {
      return code;
    }
    if (is_mxfp8()) {
      return small_float(code, 4, 3);
    }
    return small_float(code, 2, 1);
  }

  static double small_float(int code, int exponent_bits, int mantissa_bits) {
    const int bias = (1 << (exponent_bits - 1)) - 1;
    const int mantissa = code & ((1 << mantissa_bits) - 1);
    const int exponent = code >> mantissa_bits & ((1 << exponent_bits) - 1);
    const double magnitude =
        exponent == 0 ? std::ldexp(mantissa, 1 - bias - mantissa_bits)
                      : std::ldexp(
                            mantissa + (1 << mantissa_bits),
                            exponent - bias - mantissa_bits);
    return code >> (exponent_bits + mantissa_bits) ? -magnitude : magnitude;
  }

  double byte_scale(uint8_t code) const {
    return layout_.form == WeightForm::kNvfp4 ? small_float(code, 4, 3)
                                              : std::ldexp(1.0, code - 127);
  }

  double float_at(const std::vector<uint8_t>& from, size_t i) const {
    return simd::load_one(layout_.scale_type, from.data(), i);
  }

  PanelLayout layout_;
  std::vector<uint8_t> codes_, scales_, biases_, panels_;
};

std::vector<float> random_rows(int rows, int inputs, unsigned seed = 2) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> x(static_cast<size_t>(rows) * inputs);
  for (auto& value : x) {
    value = normal(random);
  }
  return x;
}

// (rows, outputs)
std::vector<float> multiply(
    const PanelMatrix& weight,
    const std::vector<float>& x,
    const TileKernels& kernels) {
  const int inputs = weight.layout.inputs, outputs = weight.layout.outputs;
  const size_t rows = x.size() / inputs;
  std::vector<float> out(rows * outputs);
  std::vector<const void*> from;
  std::vector<void*> to;
  for (size_t i = 0; i < rows; ++i) {
    from.push_back(&x[i * inputs]);
    to.push_back(&out[i * outputs]);
  }
  ActivationTiles tiles(
      {from, FloatType::kF32, inputs}, weight.layout.group_size, kernels);
  for (int i = 0; i < tiles.pieces(); ++i) {
    tiles.fill(i);
  }
  const PanelProduct product{weight, &tiles, to.data()};
  for (int panel = 0; panel < weight.layout.panels(); ++panel) {
    multiply_panel(product, panel);
  }
  return out;
}

// Root of the mean square of the error, by that of the result.
double error_of(
    const Weight& weight,
    const std::vector<float>& x,
    const std::vector<float>& y) {
  const int inputs = weight.layout().inputs, outputs = weight.layout().outputs;
  double error = 0, all = 0;
  for (size_t row = 0; row < x.size() / inputs; ++row) {
    for (int n = 0; n < outputs; ++n) {
      double sum = 0;
      for (int i = 0; i < inputs; ++i) {
        sum += weight.number(n, i) * x[row * inputs + i];
      }
      const double off = y[row * outputs + n] - sum;
      error += off * off;
      all += sum * sum;
    }
  }
  return std::sqrt(error / all);
}

class Panels : public testing::TestWithParam<InstructionSet> {
 protected:
  void SetUp() override { use_instruction_set(GetParam()); }
  void TearDown() override {
    use_instruction_set(host_instruction_sets().back());
  }
};

TEST_P(Panels, MultiplyInFloat32AsInFloat64) {
  for (const auto& shape : shapes()) {
    const Weight weight(shape, 37, 3);
    const auto x = random_rows(7, weight.layout().inputs);
    EXPECT_LT(
        error_of(weight, x, multiply(weight.matrix(), x, float_kernels())),
        2e-6)
        << text(shape);
  }
}

// Half a step of 8 bits in a group of normal numbers is 0.6 % of an output.
TEST_P(Panels, MultiplyIn8BitsWithinTheirRounding) {
  for (const auto& shape : shapes()) {
    if (has_int8_kernel(shape.form)) {
      const Weight weight(shape, 37, 3);
      const auto x = random_rows(7, weight.layout().inputs);
      EXPECT_LT(
          error_of(weight, x, multiply(weight.matrix(), x, int8_kernels())),
          0.011)
          << text(shape);
    }
  }
}

// Whole numbers up to 127, the largest in each group: they need no rounding.
std::vector<float> whole_rows(int rows, int inputs) {
  auto x = random_rows(rows, inputs);
  for (size_t i = 0; i < x.size(); ++i) {
    x[i] = i % 16 == 0 ? 127.0f
                       : std::clamp(std::round(40 * x[i]), -127.0f, 127.0f);
  }
  return x;
}

TEST_P(Panels, MultiplyIn8BitsExactlyWhatFits) {
  for (const auto& shape : shapes()) {
    if (!has_int8_kernel(shape.form)) {
      continue;
    }
    const Weight weight(shape, 33, 2);
    const auto x = whole_rows(9, weight.layout().inputs);
    EXPECT_LT(
        error_of(weight, x, multiply(weight.matrix(), x, int8_kernels())), 2e-6)
        << text(shape);
  }
}

TEST_P(Panels, GiveARowTheSameBitsInAnyTile) {
  for (const auto* kernels : {&int8_kernels(), &float_kernels()}) {
    for (const auto& shape : shapes()) {
      if (kernels->form == TileForm::kInt8 && !has_int8_kernel(shape.form)) {
        continue;
      }
      const Weight weight(shape, 33, 2);
      const int inputs = weight.layout().inputs, outputs = 33;
      const auto x = random_rows(45, inputs);
      const auto together = multiply(weight.matrix(), x, *kernels);
      for (const int first : {1, 34}) {
        for (int rows = 1; rows < 9; ++rows) {
          const std::vector<float> some(
              x.begin() + inputs * first, x.begin() + inputs * (first + rows));
          const std::vector<float> expected(
              together.begin() + outputs * first,
              together.begin() + outputs * (first + rows));
          ASSERT_EQ(multiply(weight.matrix(), some, *kernels), expected)
              << text(shape) << " " << first << " " << rows;
        }
      }
    }
  }
}

TEST_P(Panels, MultiplyIn8BitsToTheBitsOfEverySet) {
  for (const auto& shape : shapes()) {
    if (!has_int8_kernel(shape.form)) {
      continue;
    }
    const Weight weight(shape, 65, 3);
    const auto x = whole_rows(45, weight.layout().inputs);
    const auto own = multiply(weight.matrix(), x, int8_kernels());
    use_instruction_set(InstructionSet::kBaseline);
    const auto baseline = multiply(weight.matrix(), x, int8_kernels());
    use_instruction_set(GetParam());
    EXPECT_EQ(own, baseline) << text(shape);
  }
}

TEST_P(Panels, UnpackToTheNumbersThatWerePacked) {
  for (const auto& shape : shapes()) {
    const Weight weight(shape, 37, 3);
    const int inputs = weight.layout().inputs;
    const std::vector<int32_t> ids = {0, 31, 32, 36};
    std::vector<float> all(ids.size() * inputs);
    const OutputRows rows{
        weight.layout(), weight.matrix().panels, ids.data(), FloatType::kF32,
        reinterpret_cast<char*>(all.data())};
    unpack_outputs(rows, 0, 1);
    unpack_outputs(rows, 1, ids.size());
    for (size_t i = 0; i < all.size(); ++i) {
      const int output = ids[i / inputs], input = static_cast<int>(i) % inputs;
      ASSERT_NEAR(
          all[i], weight.number(output, input), 1e-6 * (1 + std::fabs(all[i])))
          << text(shape) << " " << output << " " << input;
    }
  }
}

TEST_P(Panels, PassOnWhatIsNotFinite) {
  const Weight weight({WeightForm::kAffine4, FloatType::kBF16, 64}, 32, 2);
  for (const float bad : {std::nanf(""), INFINITY, -INFINITY}) {
    auto x = random_rows(2, weight.layout().inputs);
    x[weight.layout().inputs + 70] = bad;
    for (const auto* kernels : {&int8_kernels(), &float_kernels()}) {
      const auto y = multiply(weight.matrix(), x, *kernels);
      for (int n = 0; n < 32; ++n) {
        EXPECT_TRUE(std::isfinite(y[n]));
        EXPECT_FALSE(std::isfinite(y[32 + n]));
      }
    }
  }
}

TEST_P(Panels, MultiplyRowsOfZerosAndOfTinyNumbers) {
  const Weight weight({WeightForm::kAffine4, FloatType::kBF16, 64}, 32, 2);
  std::vector<float> x(2 * weight.layout().inputs, 0.0f);
  std::fill(x.begin() + weight.layout().inputs, x.end(), 1e-39f);
  for (const float y : multiply(weight.matrix(), x, int8_kernels())) {
    EXPECT_NEAR(y, 0, 1e-30f);
  }
}

TEST_P(Panels, AddTheBiasAndRoundOnce) {
  Weight weight({WeightForm::kAffine4, FloatType::kBF16, 64}, 35, 1);
  const auto x = random_rows(1, 64);
  const auto plain = multiply(weight.matrix(), x, float_kernels());
  std::vector<float> bias(35);
  for (int n = 0; n < 35; ++n) {
    bias[n] = static_cast<float>(n);
  }
  PanelMatrix matrix = weight.matrix();
  matrix.bias = bias.data();
  const auto biased = multiply(matrix, x, float_kernels());
  for (int n = 0; n < 35; ++n) {
    EXPECT_EQ(biased[n], plain[n] + bias[n]);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Sets,
    Panels,
    testing::ValuesIn(host_instruction_sets()),
    [](const auto& set) {
      std::string name = name_of(set.param);
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

} // namespace
} // namespace parallm
