#include "kernels/experts/expert_linear.h"

#include <algorithm>

#include "base/check.h"
#include "kernels/experts/expert_groups.h"
#include "kernels/float_type.h"
#include "kernels/linear/weight_operands.h"

namespace parallm {
namespace {

// Rows of an array of floats, one behind the other.
struct Rows {
  const char* first;
  FloatType type;
  int width;
  int sharers; // rows of the output that one of these serves

  const void* of(int row) const {
    return first +
           static_cast<size_t>(row / sharers) * width * float_bytes(type);
  }
};

struct Output {
  char* first;
  FloatType type;
  int width;

  size_t row_bytes() const { return width * float_bytes(type); }
  char* row(int row) const { return first + row * row_bytes(); }
};

// A block of an expert's rows at a time: gathered, multiplied, put back.
class BlockProduct {
 public:
  BlockProduct(const Rows& x, const Output& out)
      : x_(x),
        out_(out),
        padded_(simd::round_up(x.width)),
        wide_(static_cast<size_t>(kProductRowBlock) * padded_),
        results_(kProductRowBlock * out.row_bytes()) {}

  void run(ProductArgs weight, std::span<const int> rows) {
    for (size_t i = 0; i < rows.size(); ++i) {
      simd::load_row(x_.type, &wide_[i * padded_], x_.of(rows[i]), x_.width);
    }
    weight.x = wide_.data();
    weight.rows = static_cast<int>(rows.size());
    weight.out = results_.data();
    weight.out_type = out_.type;
    product(weight);
    for (size_t i = 0; i < rows.size(); ++i) {
      std::memcpy(
          out_.row(rows[i]), &results_[i * out_.row_bytes()], out_.row_bytes());
    }
  }

 private:
  Rows x_;
  Output out_;
  int padded_;
  std::vector<float> wide_;   // (block, K padded)
  std::vector<char> results_; // (block, N)
};

void multiply(
    const Rows& x,
    std::span<const int32_t> ids,
    WeightView& weight,
    const Output& out) {
  const ExpertGroups groups(ids, weight.matrices());
  BlockProduct block(x, out);
  for (int expert = 0; expert < weight.matrices(); ++expert) {
    const auto rows = groups.rows(expert);
    for (size_t at = 0; at < rows.size(); at += kProductRowBlock) {
      block.run(
          weight.matrix(expert),
          rows.subspan(
              at, std::min<size_t>(kProductRowBlock, rows.size() - at)));
    }
  }
}

// inputs: x, ids, then the weight's
class ExpertLinear : public CpuPrimitive {
 public:
  ExpertLinear(mx::Stream stream, const WeightLayout& layout)
      : CpuPrimitive(stream, "parallm::ExpertLinear"), layout_(layout) {}

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    allocate(out[0]);
    Rows rows{
        .first = nullptr,
        .type = float_type(in[0].dtype()),
        .width = in[0].shape(-1),
        .sharers = in[0].ndim() == 2 ? in[1].shape(1) : 1};
    const Output output{
        out[0].data<char>(), float_type(out[0].dtype()), out[0].shape(-1)};
    encoder(in, out).dispatch([rows, output, count = in[1].size(),
                               x = RowMajor(in[0]), ids = RowMajor(in[1]),
                               weight = WeightView(layout_, in, 2)]() mutable {
      rows.first = static_cast<const char*>(x.data());
      multiply(
          rows, {static_cast<const int32_t*>(ids.data()), count}, weight,
          output);
    });
  }

 private:
  WeightLayout layout_;
};

void expect_fitting(
    const mx::array& x, const mx::array& ids, const WeightOperands& weight) {
  const auto& first = weight.arrays[0];
  PARALLM_CHECK(
      first.ndim() == 3 && x.shape(-1) == weight_inputs(weight),
      "expert product of {} by {}", x.shape(-1), weight_inputs(weight));
  PARALLM_CHECK(
      ids.ndim() == 2 && ids.dtype() == mx::int32 &&
          (x.ndim() == 2 || (x.ndim() == 3 && x.shape(1) == ids.shape(1))) &&
          x.shape(0) == ids.shape(0),
      "{} ids of experts for {} numbers", ids.size(), x.size());
}

mx::array launch(
    const mx::Stream& stream,
    const mx::array& x,
    const mx::array& ids,
    const WeightOperands& weight,
    mx::Dtype out) {
  expect_fitting(x, ids, weight);
  std::vector<mx::array> inputs{x, ids};
  inputs.insert(inputs.end(), weight.arrays.begin(), weight.arrays.end());
  return mx::array(
      mx::Shape{ids.shape(0), ids.shape(1), weight.arrays[0].shape(1)}, out,
      std::make_shared<ExpertLinear>(stream, weight.layout), std::move(inputs));
}

mx::array wide(const mx::array& x) {
  return mx::astype(x, mx::float32);
}

// (T, 1, 1, K) or (T, k, 1, K)
mx::array matrices_of(const mx::array& x) {
  return mx::expand_dims(wide(x.ndim() == 2 ? mx::expand_dims(x, 1) : x), 2);
}

// y (T, k, 1, N)
mx::array with_bias(
    const mx::array& y,
    const mx::array& ids,
    const std::optional<mx::array>& bias,
    mx::Dtype out) {
  const auto rows = mx::squeeze(y, 2);
  return mx::astype(bias ? rows + wide(mx::take(*bias, ids, 0)) : rows, out);
}

} // namespace

mx::array expert_linear(
    const mx::array& x,
    const mx::array& ids,
    const mx::array& weight,
    const std::optional<mx::array>& bias,
    mx::Dtype out) {
  const auto stream = kernel_stream();
  return on_cpu(stream)
             ? launch(stream, x, ids, weight_operands(weight, bias), out)
             : expert_linear_reference(x, ids, weight, bias, out);
}

mx::array expert_linear(
    const mx::array& x,
    const mx::array& ids,
    const QuantizedWeight& weight,
    const std::optional<mx::array>& bias,
    mx::Dtype out) {
  const auto stream = kernel_stream();
  return on_cpu(stream)
             ? launch(stream, x, ids, weight_operands(weight, bias), out)
             : expert_linear_reference(x, ids, weight, bias, out);
}

mx::array expert_linear_reference(
    const mx::array& x,
    const mx::array& ids,
    const mx::array& weight,
    const std::optional<mx::array>& bias,
    mx::Dtype out) {
  const auto transposed = mx::swapaxes(wide(weight), -1, -2);
  return with_bias(
      mx::gather_mm(matrices_of(x), transposed, std::nullopt, ids), ids, bias,
      out);
}

// MLX knows global scales on GPUs only, so that they come after the product.
mx::array expert_linear_reference(
    const mx::array& x,
    const mx::array& ids,
    const QuantizedWeight& weight,
    const std::optional<mx::array>& bias,
    mx::Dtype out) {
  const bool affine = weight.mode == QuantMode::kAffine;
  auto y = mx::gather_qmm(
      matrices_of(x), weight.packed,
      affine ? wide(weight.scales) : weight.scales,
      affine ? std::optional(wide(*weight.biases)) : std::nullopt, std::nullopt,
      ids, true, weight.group_size, weight.bits, name_of(weight.mode));
  if (weight.global_scale) {
    const auto factors = *weight.global_scale / mx::array(kGlobalScaleUnit);
    y = y * mx::expand_dims(mx::take(factors, ids, 0), {2, 3});
  }
  return with_bias(y, ids, bias, out);
}

} // namespace parallm
