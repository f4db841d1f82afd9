#include "kernels/self_test.h"

#include <mlx/mlx.h>

#include <cmath>
#include <limits>

#include "kernels/activation/activation.h"
#include "kernels/causal_conv/causal_conv.h"
#include "kernels/expert_choice/expert_choice.h"
#include "kernels/experts/expert_linear.h"
#include "kernels/gated_delta/gated_delta.h"
#include "kernels/kv_write/kv_write.h"
#include "kernels/layer_norm/layer_norm.h"
#include "kernels/linear/linear.h"
#include "kernels/linear/tile.h"
#include "kernels/logprob/logprob.h"
#include "kernels/paged_attention/paged_attention.h"
#include "kernels/place_kv/place_kv.h"
#include "kernels/rms_norm/rms_norm.h"
#include "kernels/rope/rope.h"
#include "kernels/sample/sample.h"
#include "kernels/selective_scan/selective_scan.h"

namespace parallm {
namespace {

namespace mx = mlx::core;

// What a kernel gives, and what plain operations give.
struct Pair {
  mx::array ours, reference;
};

struct SelfTest {
  const char* kernel;
  double allowed; // of sums in float32, in another order
  Pair (*compute)();
  // Whose code runs.
  InstructionSet (*code)(InstructionSet) = vector_set;
};

mx::array normal(mx::Shape shape, uint64_t seed) {
  return mx::random::normal(
      std::move(shape), mx::float32, 0.0f, 1.0f, mx::random::key(seed));
}

mx::array ints(std::vector<int32_t> values, mx::Shape shape) {
  return mx::array(values.begin(), std::move(shape), mx::int32);
}

constexpr int kGroup = 64;

QuantizedWeight packed(mx::Shape shape, int bits = 4) {
  const auto parts = mx::quantize(normal(std::move(shape), 2), kGroup, bits);
  return {parts[0], parts[1], parts[2], kGroup, bits};
}

Pair dense_product_of(mx::Dtype type) {
  const auto x = mx::astype(normal({5, 77}, 1), type);
  const auto w = mx::astype(normal({13, 77}, 2), type);
  return {
      linear(x, w, std::nullopt, mx::float32),
      linear_reference(x, w, std::nullopt, mx::float32)};
}

Pair dense_product() {
  return dense_product_of(mx::float32);
}

Pair bfloat16_product() {
  return dense_product_of(mx::bfloat16);
}

Pair packed_product() {
  const auto x = normal({5, 192}, 1);
  const auto w = packed({13, 192});
  return {
      linear(x, w, std::nullopt, mx::float32),
      linear_reference(x, w, std::nullopt, mx::float32)};
}

// Whole numbers up to 127, the largest in each group: they need no rounding to
// 8 bits.
mx::array whole_numbers(mx::Shape shape) {
  const auto drawn = mx::clip(
      mx::round(mx::array(40.0f) * normal(shape, 1)), mx::array(-127.0f),
      mx::array(127.0f));
  const auto first = mx::equal(
      mx::remainder(mx::arange(0, shape[1], mx::int32), mx::array(kGroup)),
      mx::array(0));
  return mx::where(first, mx::array(127.0f), drawn);
}

// Codes of every width, rows for tiles of every kind.
Pair int8_product() {
  const auto x = whole_numbers({41, 192});
  std::vector<mx::array> ours, reference;
  for (const int bits : {2, 3, 4, 5, 6, 8}) {
    const auto w = packed({13, 192}, bits);
    ours.push_back(
        linear(x, pack(w, Activations::kInt8), std::nullopt, mx::float32));
    reference.push_back(linear_reference(x, w, std::nullopt, mx::float32));
  }
  return {mx::concatenate(ours, -1), mx::concatenate(reference, -1)};
}

// The first set of this machine that has the same kernels.
InstructionSet int8_set(InstructionSet set) {
  const InstructionSet before = instruction_set();
  use_instruction_set(set);
  const TileKernels* const kernels = &int8_kernels();
  for (const InstructionSet first : host_instruction_sets()) {
    use_instruction_set(first);
    if (&int8_kernels() == kernels) {
      set = first;
      break;
    }
  }
  use_instruction_set(before);
  return set;
}

Pair expert_product() {
  const auto x = normal({3, 192}, 1);
  const auto w = packed({4, 13, 192});
  const auto ids = ints({2, 0, 3, 2, 1, 0}, {3, 2});
  return {
      expert_linear(x, ids, w, std::nullopt, mx::float32),
      expert_linear_reference(x, ids, w, std::nullopt, mx::float32)};
}

// What each of so many experts counts, chosen or not.
mx::array all_shares(const ExpertChoice& choice, int experts) {
  const int tokens = choice.shares.shape(0);
  return mx::put_along_axis(
      mx::zeros({tokens, experts}), choice.experts, choice.shares, 1);
}

Pair choice() {
  const auto gates = normal({5, 37}, 1);
  const ChoiceRule rule{.normalize = true};
  return {
      all_shares(choose_experts(gates, std::nullopt, 3, rule), 37),
      all_shares(choose_experts_reference(gates, std::nullopt, 3, rule), 37)};
}

// Two sequences: five tokens of a prompt, and one that sees seven before it.
PagedStep small_step() {
  return {
      .rows = {{0, 0, 5}, {5, 7, 8}},
      .tables = ints({3, 1, 0, 4, 0, 2}, {2, 3}),
      .positions = ints({0, 1, 2, 3, 4, 7}, {6})};
}

// With q, keys and values of one type.
Pair attention_of(mx::Dtype type) {
  const auto q = mx::astype(normal({6, 6, 10}, 1), type);
  const auto keys = mx::astype(normal({5, 3, 3, 10}, 2), type);
  const auto values = mx::astype(normal({5, 3, 3, 10}, 3), type);
  const auto wide = [](const mx::array& x) {
    return mx::astype(x, mx::float32);
  };
  const auto step = small_step();
  return {
      paged_attention(q, keys, values, step, {.scale = 0.3f}),
      paged_attention_reference(
          wide(q), wide(keys), wide(values), step, {.scale = 0.3f})};
}

Pair attention() {
  return attention_of(mx::float32);
}

Pair bfloat16_attention() {
  return attention_of(mx::bfloat16);
}

Pair cache_write() {
  const auto rows = normal({3, 3, 10}, 1);
  const auto slots = ints({7, 2, 14}, {3});
  return {
      kv_write(normal({5, 3, 3, 10}, 2), rows, slots),
      kv_write_reference(normal({5, 3, 3, 10}, 2), rows, slots)};
}

Pair rms() {
  const auto x = normal({5, 77}, 1), w = normal({77}, 2);
  return {rms_norm(x, w, 1e-5f), rms_norm_reference(x, w, 1e-5f)};
}

Pair layer() {
  const auto x = normal({5, 77}, 1), w = normal({77}, 2), b = normal({77}, 3);
  return {layer_norm(x, w, b, 1e-5f), layer_norm_reference(x, w, b, 1e-5f)};
}

Pair turns() {
  const auto x = normal({4, 3, 22}, 1);
  const auto positions = ints({0, 3, 50, 7}, {4});
  const auto frequencies =
      mx::exp(mx::array(-0.5f) * mx::arange(0, 11, mx::float32));
  return {
      rope(x, positions, frequencies, RopePairs::kHalves),
      rope_reference(x, positions, frequencies, RopePairs::kHalves)};
}

Pair placed() {
  const auto q = normal({3, 60}, 1), k = normal({3, 30}, 2);
  const auto v = normal({3, 3, 10}, 3), weight = normal({10}, 4);
  const RopeTurns turns{
      ints({0, 3, 50}, {3}), normal({4}, 5), {.width = 10, .eps = 1e-5f}};
  const auto slots = ints({7, 2, 14}, {3});
  const KvPools pools{normal({5, 3, 3, 10}, 6), normal({5, 3, 3, 10}, 7)};
  const auto turned = rope_heads_reference(
      {{q, weight}, {k, weight}}, turns.positions, turns.frequencies,
      turns.settings);
  const auto keys = kv_write_reference(pools.keys, turned[1], slots);
  const auto values = kv_write_reference(pools.values, v, slots);
  const auto placed =
      place_kv({q, weight}, {k, weight}, v, turns, slots, pools);
  const auto all = [](const mx::array& q, const KvPools& pools) {
    return mx::concatenate(
        {mx::flatten(q), mx::flatten(pools.keys), mx::flatten(pools.values)});
  };
  return {all(placed.q, placed.pools), all(turned[0], {keys, values})};
}

Pair swiglu() {
  const auto gate = normal({5, 77}, 1), up = normal({5, 77}, 2);
  return {
      gated(Activation::kSilu, gate, up),
      gated_reference(Activation::kSilu, gate, up)};
}

// Of sequences with a state: one goes on, one begins.
std::vector<StateRow> state_rows() {
  return {
      {.slot = 1, .first_token = 0, .tokens = 4},
      {.slot = 0, .first_token = 4, .tokens = 3, .begins = true}};
}

Pair convolution() {
  const auto x = normal({7, 21}, 1), w = normal({4, 21}, 2);
  return {
      causal_conv(x, w, std::nullopt, normal({2, 63}, 3), state_rows()).out,
      causal_conv_reference(
          x, w, std::nullopt, normal({2, 63}, 3), state_rows())
          .out};
}

Pair delta_rule() {
  const DeltaShape shape{1, 2, 10, 6};
  const auto qkv = normal({7, delta_columns(shape)}, 1);
  const auto a = normal({7, 2}, 2), b = normal({7, 2}, 3);
  const DeltaWeights weights{normal({2}, 4), normal({2}, 5)};
  const mx::Shape states{2, delta_state_floats(shape)};
  return {
      gated_delta(qkv, a, b, shape, weights, normal(states, 6), state_rows())
          .out,
      gated_delta_reference(
          qkv, a, b, shape, weights, normal(states, 6), state_rows())
          .out};
}

Pair scan() {
  const ScanShape shape{2, 6, 1, 10};
  const auto xbc = normal({7, scan_columns(shape)}, 1);
  const auto dt = normal({7, 2}, 2);
  const ScanWeights weights{
      normal({2}, 3), normal({2}, 4), normal({2}, 5), 0,
      std::numeric_limits<float>::infinity()};
  const mx::Shape states{2, scan_state_floats(shape)};
  return {
      selective_scan(xbc, dt, shape, weights, normal(states, 6), state_rows())
          .out,
      selective_scan_reference(
          xbc, dt, shape, weights, normal(states, 6), state_rows())
          .out};
}

Pair draws() {
  DrawRow greedy{.temperature = 0}, sampled, filtered;
  filtered.top_k = 40;
  filtered.top_p = 0.9f;
  const DrawRows rows{greedy, sampled, filtered};
  const auto logits = normal({3, 1003}, 1);
  return {
      draw(logits, std::make_shared<const DrawRows>(rows)).ids,
      draw_reference(logits, rows).ids};
}

Pair logprobs() {
  const auto values = normal({2, 1003}, 1);
  const auto tokens = ints({7, 1001}, {2});
  return {
      score(values, tokens, {0, 1}, 5).top_logprobs,
      score_reference(values, tokens, {0, 1}, 5).top_logprobs};
}

// A new kernel is a line here. A bfloat16 has 8 bits; ids are equal or wrong.
constexpr SelfTest kSelfTests[] = {
    {"product", 1e-5, dense_product},
    {"bf16 product", 1e-5, bfloat16_product, bfloat16_set},
    {"packed product", 1e-5, packed_product},
    {"int8 product", 1e-5, int8_product, int8_set},
    {"expert product", 1e-5, expert_product},
    {"expert choice", 1e-5, choice},
    {"attention", 1e-5, attention},
    {"bf16 attention", 3e-3, bfloat16_attention, bfloat16_set},
    {"cache write", 0, cache_write},
    {"rms norm", 1e-5, rms},
    {"layer norm", 1e-5, layer},
    {"rope", 1e-5, turns},
    {"rope, cache write", 1e-5, placed},
    {"swiglu", 1e-5, swiglu},
    {"convolution", 1e-5, convolution},
    {"delta rule", 1e-4, delta_rule},
    {"selective scan", 1e-4, scan},
    {"sampling", 0, draws},
    {"log-probabilities", 1e-5, logprobs},
};

std::vector<float> floats(const mx::array& x) {
  const auto flat = mx::contiguous(mx::astype(x, mx::float32));
  mx::eval(flat);
  return {flat.data<float>(), flat.data<float>() + flat.size()};
}

double error_of(const Pair& pair) {
  const auto ours = floats(pair.ours), reference = floats(pair.reference);
  double difference = 0, largest = 1e-30;
  for (size_t i = 0; i < reference.size(); ++i) {
    const double apart = std::abs(double{ours[i]} - double{reference[i]});
    if (std::isnan(apart)) {
      return std::numeric_limits<double>::infinity();
    }
    difference = std::max(difference, apart);
    largest = std::max(largest, std::abs(double{reference[i]}));
  }
  return difference / largest;
}

} // namespace

std::vector<SelfTestResult> run_self_tests() {
  mx::set_default_device(mx::Device::cpu);
  const InstructionSet before = instruction_set();
  std::vector<SelfTestResult> results;
  for (const SelfTest& test : kSelfTests) {
    for (const InstructionSet set : host_instruction_sets()) {
      use_instruction_set(set);
      results.push_back(
          {test.kernel, set, test.code(set), error_of(test.compute()),
           test.allowed});
    }
  }
  use_instruction_set(before);
  return results;
}

} // namespace parallm
