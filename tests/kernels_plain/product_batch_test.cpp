#include "kernels/linear/product_batch.h"

#include <gtest/gtest.h>

#include "tests/kernels_plain/each_set.h"
#include "tests/kernels_plain/packed_weight.h"
#include "tests/support/numbers.h"

namespace parallm {
namespace {

using namespace test;

// Rows of x (rows, inputs).
struct Input {
  int rows;
  int inputs;
  FloatType type;
  std::vector<uint8_t> bytes;

  const uint8_t* row(int i) const {
    return &bytes[static_cast<size_t>(i) * inputs * float_bytes(type)];
  }
  std::vector<double> numbers(int row) const {
    std::vector<double> numbers;
    for (int k = 0; k < inputs; ++k) {
      numbers.push_back(
          float_at(type, bytes, static_cast<size_t>(row) * inputs + k));
    }
    return numbers;
  }
};

Input random_input(
    int rows, int inputs, uint32_t seed, FloatType type = FloatType::kF32) {
  std::mt19937 random(seed);
  const size_t size = static_cast<size_t>(rows) * inputs;
  return {rows, inputs, type, random_floats_of(type, size, -1, 1, random)};
}

struct Finish {
  const void* bias = nullptr;
  FloatType bias_type = FloatType::kF32;
  FloatType out_type = FloatType::kF32;
  float factor = 1;
};

// A weight in the form in which a batch takes it.
class BatchWeight {
 public:
  explicit BatchWeight(const PackedWeight& w)
      : w_(w),
        layout_{w.form, w.scale_type, w.outputs, w.inputs, w.group_size} {
    if (is_packed(w.form)) {
      panels_.resize(layout_.bytes());
      pack_panels(
          layout_, {w.codes.data(), w.scales.data(), w.biases.data()}, 0,
          layout_.panels(), panels_.data());
    }
  }

  void add_to(
      ProductBatch& batch, const ProductRows& rows, const Finish& f) const {
    if (is_packed(w_.form)) {
      batch.add(
          PanelMatrix{layout_, panels_.data(), f.factor, f.bias, f.bias_type},
          TileForm::kFloat, rows);
    } else {
      batch.add(
          DenseMatrix{
              w_.form, w_.inputs, w_.outputs, w_.codes.data(), f.bias,
              f.bias_type},
          rows);
    }
  }

 private:
  const PackedWeight& w_;
  PanelLayout layout_;
  std::vector<uint8_t> panels_;
};

// Rows [first, first + count) of x times the weight, of any type, as bytes.
std::vector<char> run_bytes(
    const PackedWeight& w,
    const Input& x,
    int first,
    int count,
    const Finish& finish) {
  const size_t row_bytes = w.outputs * float_bytes(finish.out_type);
  std::vector<char> out(count * row_bytes);
  std::vector<const void*> from;
  std::vector<void*> to;
  for (int row = 0; row < count; ++row) {
    from.push_back(x.row(first + row));
    to.push_back(&out[row * row_bytes]);
  }
  const BatchWeight weight(w);
  ProductBatch batch;
  weight.add_to(
      batch, {{from, x.type, x.inputs}, to.data(), finish.out_type}, finish);
  batch.run();
  return out;
}

std::vector<float> run(
    const PackedWeight& w,
    const Input& x,
    int first,
    int count,
    const Finish& finish = {}) {
  const auto bytes = run_bytes(w, x, first, count, finish);
  std::vector<float> out(bytes.size() / sizeof(float));
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

std::vector<float> run(const PackedWeight& w, const Input& x) {
  return run(w, x, 0, x.rows);
}

// Of float32 sums of 16 partial sums, relative to the size of what is summed.
constexpr double kTolerance = 1e-6;

void expect_exact(
    const std::vector<float>& ours, const PackedWeight& w, const Input& x) {
  for (int row = 0; row < x.rows; ++row) {
    const auto numbers = x.numbers(row);
    for (int n = 0; n < w.outputs; ++n) {
      double sum = 0, size = 0;
      for (int k = 0; k < w.inputs; ++k) {
        const size_t i = static_cast<size_t>(n) * w.inputs + k;
        sum += w.numbers[i] * numbers[k];
        size += w.sizes[i] * std::abs(numbers[k]);
      }
      const float y = ours[static_cast<size_t>(row) * w.outputs + n];
      ASSERT_LE(std::abs(y - sum), kTolerance * size)
          << "row " << row << " output " << n;
    }
  }
}

constexpr WeightForm kDenseForms[] = {
    WeightForm::kF32, WeightForm::kF16, WeightForm::kBF16};
constexpr FloatType kTypes[] = {
    FloatType::kF32, FloatType::kF16, FloatType::kBF16};

PackedWeight dense_weight(WeightForm form, int outputs, int inputs) {
  return random_weight(form, outputs, inputs, 0, FloatType::kF32, 7);
}

// Packed forms in their smallest and a larger group, dense ones at odd widths.
std::vector<PackedWeight> weights(int outputs) {
  std::vector<PackedWeight> all;
  const auto add = [&](WeightForm form, int inputs, int group_size,
                       FloatType scale_type) {
    all.push_back(
        random_weight(form, outputs, inputs, group_size, scale_type, 7));
  };
  for (const WeightForm form : kDenseForms) {
    for (const int inputs : {1, 16, 37, 64, 96}) {
      add(form, inputs, 0, FloatType::kF32);
    }
  }
  for (const WeightForm form :
       {WeightForm::kAffine2, WeightForm::kAffine3, WeightForm::kAffine4,
        WeightForm::kAffine5, WeightForm::kAffine6, WeightForm::kAffine8}) {
    add(form, 32, 32, FloatType::kF32);
    add(form, 3 * 32, 32, FloatType::kF16);
    add(form, 3 * 64, 64, FloatType::kBF16);
  }
  add(WeightForm::kMxfp4, 5 * 32, 32, FloatType::kF32);
  add(WeightForm::kNvfp4, 5 * 16, 16, FloatType::kF32);
  add(WeightForm::kMxfp8, 5 * 32, 32, FloatType::kF32);
  return all;
}

TEST(ProductBatch, IsThatOfFloat64AtOddSizes) {
  for (const int outputs : {1, 3, 4, 9}) {
    for (const auto& w : weights(outputs)) {
      SCOPED_TRACE(text(w.form));
      for (const int rows : {1, 2, 5}) {
        const Input x = random_input(rows, w.inputs, 1);
        under_each_set([&] { expect_exact(run(w, x), w, x); });
      }
    }
  }
}

TEST(ProductBatch, GivesARowTheSameBitsInAnyBatch) {
  for (const auto& w : weights(9)) {
    SCOPED_TRACE(text(w.form));
    const Input x = random_input(35, w.inputs, 2);
    under_each_set([&] {
      const auto together = run(w, x);
      for (int row = 0; row < x.rows; ++row) {
        const auto first = together.begin() + row * 9;
        ASSERT_TRUE(same_bits(run(w, x, row, 1), {first, first + 9})) << row;
      }
    });
  }
}

// Wider than a block of inputs, more outputs than a panel, more rows than are
// multiplied at once: whole ones and odd ones. Every type meets every other.
constexpr int kInputs[] = {2048, 2085};
constexpr int kOutputs[] = {32, 71};

template <class Body>
void for_dense_products(const Body& body) {
  for (const WeightForm form : kDenseForms) {
    for (const FloatType type : kTypes) {
      for (int i = 0; i < 2; ++i) {
        SCOPED_TRACE(text(form));
        SCOPED_TRACE(static_cast<int>(type));
        const auto w = dense_weight(form, kOutputs[i], kInputs[i]);
        body(w, type);
      }
    }
  }
}

// What lies behind is not a number, of either type.
TEST(ProductBatch, OfDenseWeightsIsThatOfFloat64InAnyTypes) {
  for_dense_products([](PackedWeight w, FloatType type) {
    Input x = random_input(7, w.inputs, 1, type);
    w.codes.insert(w.codes.end(), 64, 0xff);
    x.bytes.insert(x.bytes.end(), 64, 0xff);
    under_each_set([&] { expect_exact(run(w, x), w, x); });
  });
}

TEST(ProductBatch, OfDenseWeightsGivesARowTheSameBitsInAnyBatch) {
  for_dense_products([](const PackedWeight& w, FloatType type) {
    const Input x = random_input(403, w.inputs, 2, type);
    under_each_set([&] {
      const auto together = run(w, x);
      for (const int rows : {1, 2, 3, 4, 5, 6, 7, 8, 9, 17, 33, 70}) {
        const auto first = together.begin() + 5 * w.outputs;
        ASSERT_TRUE(
            same_bits(run(w, x, 5, rows), {first, first + rows * w.outputs}))
            << rows;
      }
    });
  });
}

// As gate and up are: the same rows, several weights, any forms.
TEST(ProductBatch, GivesEachOfManyWhatItGivesAlone) {
  const auto all = weights(9);
  const Input x = random_input(3, 96, 3);
  std::vector<const void*> from;
  for (int row = 0; row < x.rows; ++row) {
    from.push_back(x.row(row));
  }
  under_each_set([&] {
    ProductBatch batch;
    std::deque<BatchWeight> held;
    std::deque<std::vector<float>> results;
    std::deque<std::vector<void*>> to;
    std::vector<const PackedWeight*> added;
    for (const auto& w : all) {
      if (w.inputs != 96) {
        continue;
      }
      added.push_back(&w);
      auto& result = results.emplace_back(x.rows * 9);
      to.push_back({&result[0], &result[9], &result[18]});
      held.emplace_back(w).add_to(
          batch, {{from, FloatType::kF32, 96}, to.back().data()}, {});
    }
    batch.run();
    ASSERT_GT(added.size(), 3u);
    for (size_t i = 0; i < added.size(); ++i) {
      EXPECT_TRUE(same_bits(results[i], run(*added[i], x)))
          << text(added[i]->form);
    }
  });
}

// Rows of which one weight takes all numbers, another the first half.
TEST(ProductBatch, TellsTheSameRowsApartByTheirWidth) {
  for (const WeightForm form : {WeightForm::kF32, WeightForm::kAffine4}) {
    SCOPED_TRACE(text(form));
    const int group_size = is_packed(form) ? 32 : 0;
    const Input x = random_input(1, 128, 3);
    const void* const from[] = {x.row(0)};
    under_each_set([&] {
      ProductBatch batch;
      std::deque<PackedWeight> weights;
      std::deque<BatchWeight> held;
      float out[2][9];
      void* const to[] = {out[0], out[1]};
      for (const int i : {0, 1}) {
        const auto& w = weights.emplace_back(
            random_weight(form, 9, 64 << i, group_size, FloatType::kF32, 7));
        held.emplace_back(w).add_to(
            batch, {{from, FloatType::kF32, w.inputs}, &to[i]}, {});
      }
      batch.run();
      for (const int i : {0, 1}) {
        expect_exact({out[i], out[i] + 9}, weights[i], x);
      }
    });
  }
}

TEST(ProductBatch, AddsTheBiasAndRoundsOnce) {
  const auto w =
      random_weight(WeightForm::kAffine4, 7, 64, 32, FloatType::kF16, 5);
  const Input x = random_input(4, 64, 4);
  std::mt19937 random(6);
  const auto bias = random_floats_of(FloatType::kBF16, 7, -1, 1, random);
  under_each_set([&] {
    const auto plain = run(w, x);
    for (const FloatType type : {FloatType::kF16, FloatType::kBF16}) {
      const auto bytes =
          run_bytes(w, x, 0, x.rows, {bias.data(), FloatType::kBF16, type});
      std::vector<uint16_t> out(plain.size());
      ASSERT_EQ(bytes.size(), 2 * out.size());
      std::memcpy(out.data(), bytes.data(), bytes.size());
      for (size_t i = 0; i < out.size(); ++i) {
        const auto sum = static_cast<float>(
            plain[i] +
            static_cast<float>(float_at(FloatType::kBF16, bias, i % 7)));
        uint16_t rounded;
        store_row(type, &rounded, &sum, 1);
        ASSERT_EQ(out[i], rounded) << i;
      }
    }
  });
}

// Two scales of nvfp4 in one: the factor is of the whole tensor.
TEST(ProductBatch, MultipliesEveryScaleByTheFactor) {
  const auto w =
      random_weight(WeightForm::kNvfp4, 5, 48, 16, FloatType::kF32, 8);
  const Input x = random_input(2, 48, 5);
  under_each_set([&] {
    auto doubled = run(w, x);
    for (auto& value : doubled) {
      value *= 2;
    }
    EXPECT_TRUE(same_bits(run(w, x, 0, x.rows, {.factor = 2}), doubled));
  });
}

} // namespace
} // namespace parallm
