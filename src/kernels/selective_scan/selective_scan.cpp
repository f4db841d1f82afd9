#include "kernels/selective_scan/selective_scan.h"

#include <algorithm>

#include "base/check.h"
#include "kernels/cpu_primitive.h"
#include "kernels/float_type.h"
#include "kernels/parts.h"
#include "kernels/softplus.h"

namespace parallm {
namespace {

struct ScanArgs {
  ScanShape shape{};
  FloatType type = FloatType::kF32;
  const void* xbc = nullptr;
  FloatType dt_type = FloatType::kF32;
  const void* dt = nullptr;
  const float* a_log = nullptr;
  const float* d = nullptr;
  const float* dt_bias = nullptr;
  float least_dt = 0;
  float most_dt = 0;
  float* states = nullptr;
  void* out = nullptr;
  std::vector<StateRow> rows{};
};

// One head's part of a token, in float32.
struct ScanScratch {
  explicit ScanScratch(const ScanShape& shape)
      : x(simd::round_up(shape.head_dim)),
        b(simd::round_up(shape.state)),
        c(b.size()),
        y(x.size()) {}

  std::vector<float> x, b, c, y;
};

PARALLM_INLINE void load_head(
    const ScanArgs& a, ScanScratch& s, int head, int token) {
  const auto& shape = a.shape;
  const int group = head / (shape.heads / shape.groups);
  const int b = shape.heads * shape.head_dim + group * shape.state;
  const int c = b + shape.groups * shape.state;
  const size_t bytes = float_bytes(a.type);
  const char* at = static_cast<const char*>(a.xbc) +
                   static_cast<size_t>(token) * scan_columns(shape) * bytes;
  simd::load_row(
      a.type, s.x.data(), at + head * shape.head_dim * bytes, shape.head_dim);
  simd::load_row(a.type, s.b.data(), at + b * bytes, shape.state);
  simd::load_row(a.type, s.c.data(), at + c * bytes, shape.state);
}

PARALLM_INLINE float time_step(const ScanArgs& a, int head, int token) {
  const size_t at = static_cast<size_t>(token) * a.shape.heads + head;
  const float dt = simd::load_one(a.dt_type, a.dt, at);
  return std::clamp(softplus(dt + a.dt_bias[head]), a.least_dt, a.most_dt);
}

// state (P, N): each fades, takes in its number, and is read.
PARALLM_INLINE void advance_head(
    const ScanShape& shape,
    ScanScratch& s,
    float* state,
    float kept,
    float dt,
    float straight) {
  const int padded = static_cast<int>(s.b.size());
  for (int p = 0; p < shape.head_dim; ++p, state += padded) {
    const float taken = dt * s.x[p];
    simd::Floats sum = {}, h, b, c;
    for (int n = 0; n < padded; n += simd::kLanes) {
      std::memcpy(&h, state + n, sizeof(h));
      std::memcpy(&b, &s.b[n], sizeof(b));
      std::memcpy(&c, &s.c[n], sizeof(c));
      h = h * kept + b * taken;
      sum += h * c;
      std::memcpy(state + n, &h, sizeof(h));
    }
    s.y[p] = simd::sum(sum) + straight * s.x[p];
  }
}

PARALLM_INLINE void scan_row(
    const ScanArgs& a, ScanScratch& s, const StateRow& row, int head) {
  const auto& shape = a.shape;
  const size_t floats = shape.head_dim * s.b.size(); // of a head's state
  float* const state = head_state(a.states, row, shape.heads, head, floats);
  for (int t = row.first_token; t < row.first_token + row.tokens; ++t) {
    load_head(a, s, head, t);
    const float dt = time_step(a, head, t);
    const float kept = std::exp(-dt * std::exp(a.a_log[head]));
    advance_head(shape, s, state, kept, dt, a.d[head]);
    const size_t at =
        (static_cast<size_t>(t) * shape.heads + head) * shape.head_dim;
    store_row(
        a.type, static_cast<char*>(a.out) + at * float_bytes(a.type),
        s.y.data(), shape.head_dim);
  }
}

// Heads [first, end) of all rows, row after row.
struct ScanPart {
  const ScanArgs& args;
  size_t first;
  size_t end;
};

// Head by head: a head's state stays in the nearest cache.
PARALLM_INLINE void scan_body(const ScanPart& part) {
  const ScanArgs& a = part.args;
  ScanScratch scratch(a.shape);
  const size_t heads = a.shape.heads;
  for (size_t i = part.first; i < part.end; ++i) {
    scan_row(a, scratch, a.rows[i / heads], static_cast<int>(i % heads));
  }
}

PARALLM_MULTIVERSION(scan_part, scan_body, ScanPart)

void scan(const ScanArgs& a) {
  const size_t state = static_cast<size_t>(a.shape.head_dim) * a.shape.state;
  in_row_parts(
      a.rows.size() * a.shape.heads, state, [&](size_t first, size_t end) {
        scan_part({a, first, end});
      });
}

// inputs: states, xbc, dt, a_log, d, dt_bias; outputs: y and the states' own
// memory
class SelectiveScan : public CpuPrimitive {
 public:
  SelectiveScan(mx::Stream stream, ScanArgs args)
      : CpuPrimitive(stream, "parallm::SelectiveScan"),
        args_(std::move(args)) {}

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    allocate(out[0]);
    out[1].copy_shared_buffer(in[0]);
    ScanArgs args = args_;
    args.type = float_type(in[1].dtype());
    args.dt_type = float_type(in[2].dtype());
    args.states = out[1].data<float>();
    args.out = out[0].data<char>();
    std::vector<RowMajor> arrays(in.begin() + 1, in.end());
    encoder(in, out).dispatch(
        [args = std::move(args), arrays = std::move(arrays)]() mutable {
          args.xbc = arrays[0].data();
          args.dt = arrays[1].data();
          args.a_log = static_cast<const float*>(arrays[2].data());
          args.d = static_cast<const float*>(arrays[3].data());
          args.dt_bias = static_cast<const float*>(arrays[4].data());
          scan(args);
        });
  }

 private:
  ScanArgs args_;
};

void check_weight(const mx::array& weight, const ScanShape& shape) {
  PARALLM_CHECK(
      weight.shape() == mx::Shape{shape.heads} && weight.dtype() == mx::float32,
      "{} weights of {} heads", weight.size(), shape.heads);
}

} // namespace

int scan_width(const ScanShape& shape) {
  return shape.heads * shape.head_dim;
}

int scan_columns(const ScanShape& s) {
  return scan_width(s) + 2 * s.groups * s.state;
}

int scan_state_floats(const ScanShape& shape) {
  return shape.heads * shape.head_dim * simd::round_up(shape.state);
}

Advanced selective_scan(
    const mx::array& xbc,
    const mx::array& dt,
    const ScanShape& shape,
    const ScanWeights& weights,
    const mx::array& states,
    const std::vector<StateRow>& rows) {
  const int tokens = xbc.shape(0);
  PARALLM_CHECK(
      shape.heads % shape.groups == 0 &&
          xbc.shape() == (mx::Shape{tokens, scan_columns(shape)}) &&
          dt.shape() == (mx::Shape{tokens, shape.heads}),
      "{} numbers and {} time steps of {} tokens", xbc.size(), dt.size(),
      tokens);
  for (const auto* weight : {&weights.a_log, &weights.d, &weights.dt_bias}) {
    check_weight(*weight, shape);
  }
  check_states(states, scan_state_floats(shape), rows, tokens);
  const auto stream = kernel_stream();
  if (!on_cpu(stream)) {
    return selective_scan_reference(xbc, dt, shape, weights, states, rows);
  }
  ScanArgs args;
  args.shape = shape;
  args.least_dt = weights.least_dt;
  args.most_dt = weights.most_dt;
  args.rows = rows;
  const auto out = mx::array::make_arrays(
      {{tokens, scan_width(shape)}, states.shape()},
      {xbc.dtype(), states.dtype()},
      std::make_shared<SelectiveScan>(stream, std::move(args)),
      {states, xbc, dt, weights.a_log, weights.d, weights.dt_bias});
  return {out[0], out[1]};
}

} // namespace parallm
