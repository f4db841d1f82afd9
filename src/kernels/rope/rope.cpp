#include "kernels/rope/rope.h"

#include <cmath>

#include "base/check.h"
#include "kernels/cpu_primitive.h"
#include "kernels/float_type.h"

namespace parallm {
namespace {

struct RopeArgs {
  FloatType type;
  RopePairs pairs;
  int tokens;
  int heads;
  int width;
  int half; // R / 2, pairs that turn
  float amplitude;
  const void* x;
  const int32_t* positions;
  const float* frequencies;
  void* out;
};

// Cosines and sines of one token's angles, times the amplitude.
void angles(const RopeArgs& a, int position, float* cosines, float* sines) {
  for (int i = 0; i < a.half; ++i) {
    const float angle = static_cast<float>(position) * a.frequencies[i];
    cosines[i] = std::cos(angle) * a.amplitude;
    sines[i] = std::sin(angle) * a.amplitude;
  }
}

void turn(
    RopePairs pairs,
    int half,
    const float* cosines,
    const float* sines,
    float* head) {
  const bool halves = pairs == RopePairs::kHalves;
  for (int i = 0; i < half; ++i) {
    float& first = head[halves ? i : 2 * i];
    float& second = head[halves ? i + half : 2 * i + 1];
    const float a = first, b = second;
    first = a * cosines[i] - b * sines[i];
    second = a * sines[i] + b * cosines[i];
  }
}

void rope_tokens(const RopeArgs& a) {
  std::vector<float> cosines(a.half), sines(a.half);
  std::vector<float> head(simd::round_up(a.width));
  size_t offset = 0;
  for (int t = 0; t < a.tokens; ++t) {
    angles(a, a.positions[t], cosines.data(), sines.data());
    for (int h = 0; h < a.heads; ++h) {
      simd::load_row(
          a.type, head.data(), static_cast<const char*>(a.x) + offset, a.width);
      turn(a.pairs, a.half, cosines.data(), sines.data(), head.data());
      store_row(
          a.type, static_cast<char*>(a.out) + offset, head.data(), a.width);
      offset += a.width * float_bytes(a.type);
    }
  }
}

// inputs: x, positions, frequencies
class Rope : public CpuPrimitive {
 public:
  Rope(mx::Stream stream, RopePairs pairs, float amplitude)
      : CpuPrimitive(stream, "parallm::Rope"),
        pairs_(pairs),
        amplitude_(amplitude) {}

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    allocate(out[0]);
    RopeArgs args{
        .type = float_type(in[0].dtype()),
        .pairs = pairs_,
        .tokens = in[0].shape(0),
        .heads = in[0].shape(1),
        .width = in[0].shape(2),
        .half = in[2].shape(0),
        .amplitude = amplitude_,
        .x = nullptr,
        .positions = nullptr,
        .frequencies = nullptr,
        .out = out[0].data<char>()};
    encoder(in, out).dispatch([args, x = RowMajor(in[0]),
                               positions = RowMajor(in[1]),
                               frequencies = RowMajor(in[2])]() mutable {
      args.x = x.data();
      args.positions = static_cast<const int32_t*>(positions.data());
      args.frequencies = static_cast<const float*>(frequencies.data());
      rope_tokens(args);
    });
  }

 private:
  RopePairs pairs_;
  float amplitude_;
};

// x (T, H, R) -> (T, H, R) in MLX's own operations.
mx::array turn_all(
    const mx::array& x,
    const mx::array& positions,
    const mx::array& frequencies,
    RopePairs pairs) {
  const int tokens = x.shape(0), heads = x.shape(1), width = x.shape(2);
  // MLX counts positions along the third axis: each token is a batch of one.
  const auto turned = mx::fast::rope(
      mx::reshape(x, {tokens, heads, 1, width}), width,
      pairs == RopePairs::kAdjacent, std::nullopt, 1.0f, positions,
      mx::reciprocal(frequencies));
  return mx::reshape(turned, {tokens, heads, width});
}

mx::array scaled(const mx::array& x, float factor) {
  return mx::astype(mx::astype(x, mx::float32) * mx::array(factor), x.dtype());
}

} // namespace

mx::array rope(
    const mx::array& x,
    const mx::array& positions,
    const mx::array& frequencies,
    RopePairs pairs,
    float amplitude) {
  const auto stream = kernel_stream();
  if (!on_cpu(stream)) {
    return rope_reference(x, positions, frequencies, pairs, amplitude);
  }
  PARALLM_CHECK(
      x.ndim() == 3 && positions.shape() == mx::Shape{x.shape(0)} &&
          frequencies.ndim() == 1 && 2 * frequencies.shape(0) <= x.shape(2) &&
          positions.dtype() == mx::int32 && frequencies.dtype() == mx::float32,
      "rope of {} tokens, width {}, {} pairs", x.shape(0), x.shape(-1),
      frequencies.size());
  return mx::array(
      x.shape(), x.dtype(), std::make_shared<Rope>(stream, pairs, amplitude),
      {x, positions, frequencies});
}

mx::array rope_reference(
    const mx::array& x,
    const mx::array& positions,
    const mx::array& frequencies,
    RopePairs pairs,
    float amplitude) {
  const int tokens = x.shape(0), heads = x.shape(1), width = x.shape(2);
  const int turning = 2 * frequencies.shape(0);
  const auto first = mx::slice(x, {0, 0, 0}, {tokens, heads, turning});
  const auto rest = mx::slice(x, {0, 0, turning}, x.shape());
  const auto turned = turn_all(first, positions, frequencies, pairs);
  const auto louder = amplitude == 1.0f ? turned : scaled(turned, amplitude);
  return turning == width ? louder : mx::concatenate({louder, rest}, -1);
}

} // namespace parallm
