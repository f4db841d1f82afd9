#include "kernels/layer_norm/layer_norm.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "kernels/cpu_primitive.h"
#include "kernels/float_type.h"

namespace parallm {
namespace {

struct Numbers {
  const void* first = nullptr; // null: absent
  FloatType type = FloatType::kF32;
};

struct LayerNormArgs {
  Numbers x;
  Numbers weight;
  Numbers bias;
  void* out;
  int rows;
  int width;
  float eps;
};

PARALLM_INLINE void load_or_fill(
    std::vector<float>& out, const Numbers& from, int width, float absent) {
  if (from.first == nullptr) {
    std::fill(out.begin(), out.end(), absent);
  } else {
    simd::load_row(from.type, out.data(), from.first, width);
  }
}

PARALLM_INLINE float sum_of(const std::vector<float>& row) {
  simd::Floats sums = {}, v;
  for (size_t i = 0; i < row.size(); i += simd::kLanes) {
    std::memcpy(&v, &row[i], sizeof(v));
    sums += v;
  }
  return simd::sum(sums);
}

PARALLM_INLINE float sum_of_squares(const std::vector<float>& row) {
  simd::Floats sums = {}, v;
  for (size_t i = 0; i < row.size(); i += simd::kLanes) {
    std::memcpy(&v, &row[i], sizeof(v));
    sums += v * v;
  }
  return simd::sum(sums);
}

// The padding of `row` is 0 and stays so, or it would count as differences.
PARALLM_INLINE void normalize(std::vector<float>& row, int width, float eps) {
  const float mean = sum_of(row) / static_cast<float>(width);
  for (int i = 0; i < width; ++i) {
    row[i] -= mean;
  }
  const float variance = sum_of_squares(row) / static_cast<float>(width);
  const float scale = 1.0f / std::sqrt(variance + eps);
  for (int i = 0; i < width; ++i) {
    row[i] *= scale;
  }
}

PARALLM_INLINE void layer_norm_body(const LayerNormArgs& a) {
  const int padded = simd::round_up(a.width);
  std::vector<float> weight(padded), bias(padded), row(padded);
  load_or_fill(weight, a.weight, a.width, 1.0f);
  load_or_fill(bias, a.bias, a.width, 0.0f);
  const size_t row_bytes = a.width * float_bytes(a.x.type);
  for (int r = 0; r < a.rows; ++r) {
    simd::load_row(
        a.x.type, row.data(),
        static_cast<const char*>(a.x.first) + r * row_bytes, a.width);
    normalize(row, a.width, a.eps);
    for (int i = 0; i < a.width; ++i) {
      row[i] = row[i] * weight[i] + bias[i];
    }
    store_row(
        a.x.type, static_cast<char*>(a.out) + r * row_bytes, row.data(),
        a.width);
  }
}

PARALLM_MULTIVERSION(layer_norm_rows, layer_norm_body, LayerNormArgs)

// inputs: x, then the weight and the bias that there are
class LayerNorm : public CpuPrimitive {
 public:
  struct Options {
    float eps = 0;
    bool has_weight = false;
    bool has_bias = false;
  };

  LayerNorm(mx::Stream stream, const Options& options)
      : CpuPrimitive(stream, "parallm::LayerNorm"), options_(options) {}

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    allocate(out[0]);
    std::vector<RowMajor> arrays(in.begin(), in.end());
    encoder(in, out).dispatch([args = args(in, out[0]), options = options_,
                               arrays = std::move(arrays)]() mutable {
      args.x.first = arrays[0].data();
      args.weight.first = options.has_weight ? arrays[1].data() : nullptr;
      args.bias.first = options.has_bias ? arrays.back().data() : nullptr;
      layer_norm_rows(args);
    });
  }

 private:
  LayerNormArgs args(const std::vector<mx::array>& in, mx::array& out) const {
    // What is absent gets a type that nobody reads.
    return {
        .x = {nullptr, float_type(in[0].dtype())},
        .weight = {nullptr, float_type(in[options_.has_weight].dtype())},
        .bias = {nullptr, float_type(in.back().dtype())},
        .out = out.data<char>(),
        .rows = in[0].shape(0),
        .width = in[0].shape(1),
        .eps = options_.eps};
  }

  Options options_;
};

} // namespace

mx::array layer_norm(
    const mx::array& x,
    const std::optional<mx::array>& weight,
    const std::optional<mx::array>& bias,
    float eps) {
  const auto stream = kernel_stream();
  if (!on_cpu(stream)) {
    return layer_norm_reference(x, weight, bias, eps);
  }
  std::vector<mx::array> in{x};
  for (const auto& part : {weight, bias}) {
    if (part) {
      PARALLM_CHECK(
          x.ndim() == 2 && part->shape() == mx::Shape{x.shape(1)},
          "norm of width {}", x.shape(-1));
      in.push_back(*part);
    }
  }
  const LayerNorm::Options options{eps, weight.has_value(), bias.has_value()};
  return mx::array(
      x.shape(), x.dtype(), std::make_shared<LayerNorm>(stream, options),
      std::move(in));
}

mx::array layer_norm_reference(
    const mx::array& x,
    const std::optional<mx::array>& weight,
    const std::optional<mx::array>& bias,
    float eps) {
  const auto as_x = [&](const std::optional<mx::array>& part) {
    return part ? std::optional(mx::astype(*part, x.dtype())) : std::nullopt;
  };
  return mx::fast::layer_norm(x, as_x(weight), as_x(bias), eps);
}

} // namespace parallm
