#include "kernels/gated_delta/gated_delta.h"

#include <algorithm>

#include "base/check.h"
#include "kernels/cpu_primitive.h"
#include "kernels/float_type.h"
#include "kernels/parts.h"
#include "kernels/softplus.h"

namespace parallm {
namespace {

constexpr float kLengthEps = 1e-6f; // of the squared length

struct DeltaArgs {
  DeltaShape shape{};
  FloatType type = FloatType::kF32;
  const void* qkv = nullptr;
  FloatType gate_type = FloatType::kF32;
  const void* a = nullptr;
  const void* b = nullptr;
  const float* a_log = nullptr;
  const float* dt_bias = nullptr;
  float* states = nullptr;
  void* out = nullptr;
  std::vector<StateRow> rows{};
};

// One head's part of a token, in float32.
struct DeltaScratch {
  explicit DeltaScratch(const DeltaShape& shape)
      : q(simd::round_up(shape.key_dim)),
        k(q.size()),
        v(simd::round_up(shape.value_dim)),
        y(v.size()) {}

  std::vector<float> q, k, v, y;
};

PARALLM_INLINE void bring_to_length(std::vector<float>& x, float length) {
  simd::Floats squares = {}, v;
  for (size_t i = 0; i < x.size(); i += simd::kLanes) {
    std::memcpy(&v, &x[i], sizeof(v));
    squares += v * v;
  }
  const float scale = length / std::sqrt(simd::sum(squares) + kLengthEps);
  for (float& number : x) {
    number *= scale;
  }
}

PARALLM_INLINE void load_head(
    const DeltaArgs& a, DeltaScratch& s, int head, int token) {
  const auto& shape = a.shape;
  const int of_key = head / (shape.value_heads / shape.key_heads);
  const size_t bytes = float_bytes(a.type);
  const char* at = static_cast<const char*>(a.qkv) +
                   static_cast<size_t>(token) * delta_columns(shape) * bytes;
  const int key_part = shape.key_heads * shape.key_dim;
  const int key = of_key * shape.key_dim;
  const int value = 2 * key_part + head * shape.value_dim;
  simd::load_row(a.type, s.q.data(), at + key * bytes, shape.key_dim);
  simd::load_row(
      a.type, s.k.data(), at + (key_part + key) * bytes, shape.key_dim);
  simd::load_row(a.type, s.v.data(), at + value * bytes, shape.value_dim);
  bring_to_length(s.q, 1.0f / std::sqrt(static_cast<float>(shape.key_dim)));
  bring_to_length(s.k, 1.0f);
}

// A line of the state (Dk) fades, and tells what it knows of the key.
PARALLM_INLINE float fade(DeltaScratch& s, float* line, float kept) {
  simd::Floats sum = {}, h, k;
  for (size_t i = 0; i < s.k.size(); i += simd::kLanes) {
    std::memcpy(&h, line + i, sizeof(h));
    std::memcpy(&k, &s.k[i], sizeof(k));
    h *= kept;
    sum += h * k;
    std::memcpy(line + i, &h, sizeof(h));
  }
  return simd::sum(sum);
}

// Takes in the difference, and is read.
PARALLM_INLINE float correct(DeltaScratch& s, float* line, float difference) {
  simd::Floats sum = {}, h, k, q;
  for (size_t i = 0; i < s.k.size(); i += simd::kLanes) {
    std::memcpy(&h, line + i, sizeof(h));
    std::memcpy(&k, &s.k[i], sizeof(k));
    std::memcpy(&q, &s.q[i], sizeof(q));
    h += k * difference;
    sum += h * q;
    std::memcpy(line + i, &h, sizeof(h));
  }
  return simd::sum(sum);
}

PARALLM_INLINE void advance_token(
    const DeltaArgs& a, DeltaScratch& s, float* state, int head, int t) {
  const auto& shape = a.shape;
  const size_t gate = static_cast<size_t>(t) * shape.value_heads + head;
  load_head(a, s, head, t);
  const float dt =
      softplus(simd::load_one(a.gate_type, a.a, gate) + a.dt_bias[head]);
  const float kept = std::exp(-dt * std::exp(a.a_log[head]));
  const float share =
      1.0f / (1.0f + std::exp(-simd::load_one(a.gate_type, a.b, gate)));
  for (int i = 0; i < shape.value_dim; ++i, state += s.k.size()) {
    const float known = fade(s, state, kept);
    s.y[i] = correct(s, state, (s.v[i] - known) * share);
  }
  const size_t at = gate * shape.value_dim * float_bytes(a.type);
  store_row(
      a.type, static_cast<char*>(a.out) + at, s.y.data(), shape.value_dim);
}

PARALLM_INLINE void delta_row(
    const DeltaArgs& a, DeltaScratch& s, const StateRow& row, int head) {
  const size_t floats = a.shape.value_dim * s.k.size(); // of a head's state
  float* const state =
      head_state(a.states, row, a.shape.value_heads, head, floats);
  for (int t = row.first_token; t < row.first_token + row.tokens; ++t) {
    advance_token(a, s, state, head, t);
  }
}

// Heads [first, end) of all rows, row after row.
struct DeltaPart {
  const DeltaArgs& args;
  size_t first;
  size_t end;
};

// Head by head: a head's state stays in the nearest cache.
PARALLM_INLINE void delta_body(const DeltaPart& part) {
  const DeltaArgs& a = part.args;
  DeltaScratch scratch(a.shape);
  const size_t heads = a.shape.value_heads;
  for (size_t i = part.first; i < part.end; ++i) {
    delta_row(a, scratch, a.rows[i / heads], static_cast<int>(i % heads));
  }
}

PARALLM_MULTIVERSION(delta_part, delta_body, DeltaPart)

void delta(const DeltaArgs& a) {
  const size_t state = static_cast<size_t>(a.shape.value_dim) * a.shape.key_dim;
  in_row_parts(
      a.rows.size() * a.shape.value_heads, state,
      [&](size_t first, size_t end) {
        delta_part({a, first, end});
      });
}

// inputs: states, qkv, a, b, a_log, dt_bias; outputs: y and the states' own
// memory
class DeltaRule : public CpuPrimitive {
 public:
  DeltaRule(
      mx::Stream stream, const DeltaShape& shape, std::vector<StateRow> rows)
      : CpuPrimitive(stream, "parallm::DeltaRule"),
        shape_(shape),
        rows_(std::move(rows)) {}

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    allocate(out[0]);
    out[1].copy_shared_buffer(in[0]);
    DeltaArgs args;
    args.shape = shape_;
    args.rows = rows_;
    args.type = float_type(in[1].dtype());
    args.gate_type = float_type(in[2].dtype());
    args.states = out[1].data<float>();
    args.out = out[0].data<char>();
    std::vector<RowMajor> arrays(in.begin() + 1, in.end());
    encoder(in, out).dispatch(
        [args = std::move(args), arrays = std::move(arrays)]() mutable {
          args.qkv = arrays[0].data();
          args.a = arrays[1].data();
          args.b = arrays[2].data();
          args.a_log = static_cast<const float*>(arrays[3].data());
          args.dt_bias = static_cast<const float*>(arrays[4].data());
          delta(args);
        });
  }

 private:
  DeltaShape shape_;
  std::vector<StateRow> rows_;
};

void check_weights(const DeltaWeights& weights, const DeltaShape& shape) {
  for (const auto* weight : {&weights.a_log, &weights.dt_bias}) {
    PARALLM_CHECK(
        weight->shape() == mx::Shape{shape.value_heads} &&
            weight->dtype() == mx::float32,
        "{} weights of {} heads", weight->size(), shape.value_heads);
  }
}

} // namespace

int delta_width(const DeltaShape& shape) {
  return shape.value_heads * shape.value_dim;
}

int delta_columns(const DeltaShape& s) {
  return 2 * s.key_heads * s.key_dim + delta_width(s);
}

int delta_state_floats(const DeltaShape& shape) {
  return shape.value_heads * shape.value_dim * simd::round_up(shape.key_dim);
}

Advanced gated_delta(
    const mx::array& qkv,
    const mx::array& a,
    const mx::array& b,
    const DeltaShape& shape,
    const DeltaWeights& weights,
    const mx::array& states,
    const std::vector<StateRow>& rows) {
  const int tokens = qkv.shape(0);
  PARALLM_CHECK(
      shape.value_heads % shape.key_heads == 0 &&
          qkv.shape() == (mx::Shape{tokens, delta_columns(shape)}) &&
          a.shape() == (mx::Shape{tokens, shape.value_heads}) &&
          b.shape() == a.shape() && b.dtype() == a.dtype(),
      "{} numbers and {} gates of {} tokens", qkv.size(), a.size(), tokens);
  check_weights(weights, shape);
  check_states(states, delta_state_floats(shape), rows, tokens);
  const auto stream = kernel_stream();
  if (!on_cpu(stream)) {
    return gated_delta_reference(qkv, a, b, shape, weights, states, rows);
  }
  const auto out = mx::array::make_arrays(
      {{tokens, delta_width(shape)}, states.shape()},
      {qkv.dtype(), states.dtype()},
      std::make_shared<DeltaRule>(stream, shape, rows),
      {states, qkv, a, b, weights.a_log, weights.dt_bias});
  return {out[0], out[1]};
}

} // namespace parallm
