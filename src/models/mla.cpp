#include "models/mla.h"

namespace parallm {
namespace {

// Of the norms within, whatever the model's own.
constexpr NormSpec kNorm{.eps = 1e-6f};

Bias bias(const MlaSpec& spec) {
  return spec.bias ? Bias::kRequired : Bias::kNone;
}

// Columns [first, end) of the last axis of x (T, heads, width).
mx::array columns(const mx::array& x, int first, int end) {
  return mx::slice(
      x, mx::Shape{0, 0, first}, mx::Shape{x.shape(0), x.shape(1), end});
}

} // namespace

Mla::Queries Mla::take_queries(
    Checkpoint& ck,
    const std::string& at,
    const ArchSpec& arch,
    const MlaSpec& spec) {
  const int outputs = spec.heads * (spec.plain_width + spec.rope_width);
  const auto& packing = arch.quantization;
  if (spec.query_rank == 0) {
    return {
        std::nullopt, std::nullopt,
        Linear(ck, at + "q_proj", {arch.width, outputs}, packing)};
  }
  return {
      Linear(
          ck, at + "q_a_proj", {arch.width, spec.query_rank, bias(spec)},
          packing),
      Norm(ck, at + "q_a_layernorm", spec.query_rank, kNorm),
      Linear(ck, at + "q_b_proj", {spec.query_rank, outputs}, packing)};
}

Mla::Mla(
    Checkpoint& ck,
    const std::string& at,
    const ArchSpec& arch,
    const MlaSpec& spec,
    int layer)
    : spec_(spec),
      queries_(take_queries(ck, at, arch, spec)),
      latent_down_(
          ck,
          at + "kv_a_proj_with_mqa",
          {arch.width, spec.latent + spec.rope_width, bias(spec)},
          arch.quantization),
      latent_norm_(ck, at + "kv_a_layernorm", spec.latent, kNorm),
      query_to_latent_(
          ck,
          at + "embed_q",
          {spec.heads, spec.plain_width, spec.latent, Bias::kNone},
          arch.quantization),
      latent_to_value_(
          ck,
          at + "unembed_out",
          {spec.heads, spec.latent, spec.value_width, Bias::kNone},
          arch.quantization),
      out_(
          ck,
          at + arch.names.o,
          {spec.heads * spec.value_width, arch.width, bias(spec)},
          arch.quantization),
      rope_(spec.rope),
      attention_{.layer = layer, .scale = spec.scale} {
}

// x (T, H, inputs) -> (T, H, outputs), each head through its own matrix
mx::array Mla::each_head(const ExpertLinear& linear, const mx::array& x) const {
  const auto heads = mx::broadcast_to(
      mx::arange(spec_.heads, mx::int32), {x.shape(0), spec_.heads});
  return linear(x, heads);
}

mx::array Mla::queries(const mx::array& x, StepContext& ctx) const {
  const auto low = queries_.down ? (*queries_.norm)((*queries_.down)(x)) : x;
  const int width = spec_.plain_width + spec_.rope_width;
  const auto q =
      mx::reshape(queries_.up(low), {x.shape(0), spec_.heads, width});
  const auto plain = columns(q, 0, spec_.plain_width);
  const auto turned =
      rope_(columns(q, spec_.plain_width, width), ctx.positions);
  return mx::concatenate({each_head(query_to_latent_, plain), turned}, -1);
}

mx::array Mla::keys(const mx::array& x, StepContext& ctx) const {
  const int tokens = x.shape(0), width = spec_.latent + spec_.rope_width;
  const auto low = mx::reshape(latent_down_(x), {tokens, 1, width});
  const auto latent = latent_norm_(
      mx::reshape(columns(low, 0, spec_.latent), {tokens, spec_.latent}));
  const auto turned = rope_(columns(low, spec_.latent, width), ctx.positions);
  return mx::concatenate(
      {mx::reshape(latent, {tokens, 1, spec_.latent}), turned}, -1);
}

mx::array Mla::operator()(const mx::array& x, StepContext& ctx) const {
  const auto mixed =
      ctx.attention(attention_, queries(x, ctx), keys(x, ctx), std::nullopt);
  const auto values = each_head(latent_to_value_, mixed);
  return out_(
      mx::reshape(values, {x.shape(0), spec_.heads * spec_.value_width}));
}

} // namespace parallm
