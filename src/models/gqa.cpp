#include "models/gqa.h"

#include "kernels/layer_norm/layer_norm.h"

namespace parallm {
namespace {

std::optional<Norm> take_norm(
    Checkpoint& ck,
    const std::string& name,
    QkNorm kind,
    int heads,
    int head_dim,
    const NormSpec& spec) {
  switch (kind) {
    case QkNorm::kHead:
      return Norm(ck, name, head_dim, spec);
    case QkNorm::kWhole:
      return Norm(ck, name, heads * head_dim, spec);
    case QkNorm::kNone:
    case QkNorm::kEachHead:
      break;
  }
  return std::nullopt;
}

std::vector<LinearGroup::Member> members_of(
    const std::string& at, const ModuleNames& names, const GqaSpec& a) {
  const int q = a.heads * a.head_dim, kv = a.kv_heads * a.head_dim;
  switch (a.layout) {
    case QkvLayout::kJoined:
      return {{at + names.qkv, {q, kv, kv}}};
    case QkvLayout::kByHead:
      return {{at + names.qkv, {q + kv + kv}}};
    case QkvLayout::kApart:
      break;
  }
  return {
      {at + names.q, {a.gated ? 2 * q : q}},
      {at + names.k, {kv}},
      {at + names.v, {kv}}};
}

// (T, H * 3 * D), head by head -> three of (T, H, D)
std::vector<mx::array> split_by_head(const mx::array& x, int heads, int width) {
  const int tokens = x.shape(0);
  return mx::split(mx::reshape(x, {tokens, heads, 3 * width}), 3, -1);
}

// (T, H * 2 * D): each query's gate lies behind it. Leaves the queries.
mx::array take_gate(mx::array& q, int heads) {
  const auto pairs = mx::reshape(q, {q.shape(0), heads, -1});
  const auto halves = mx::split(pairs, 2, -1);
  q = halves[0];
  return halves[1];
}

AttentionSpec attention_of(
    Checkpoint& ck, const std::string& at, const GqaSpec& a, int layer) {
  return {
      .layer = layer,
      .scale = a.scale,
      .window = a.window,
      .softcap = a.softcap,
      .sinks = a.sinks ? std::optional(ck.take(at + "sinks", {a.heads}))
                       : std::nullopt};
}

} // namespace

HeadNorm::HeadNorm(
    Checkpoint& ck,
    const std::string& name,
    QkNorm kind,
    int heads,
    int head_dim,
    const NormSpec& spec)
    : kind_(kind),
      heads_(heads),
      head_dim_(head_dim),
      eps_(spec.eps),
      norm_(take_norm(ck, name, kind, heads, head_dim, spec)),
      each_head_(
          kind == QkNorm::kEachHead
              ? std::optional(ck.take(name + ".weight", {heads, head_dim}))
              : std::nullopt) {
}

mx::array HeadNorm::operator()(const mx::array& x) const {
  const mx::Shape whole{x.shape(0), heads_ * head_dim_};
  const mx::Shape apart{x.shape(0), heads_, head_dim_};
  switch (kind_) {
    case QkNorm::kHead:
      return mx::reshape((*norm_)(mx::reshape(x, {-1, head_dim_})), apart);
    case QkNorm::kWhole:
      return mx::reshape((*norm_)(mx::reshape(x, whole)), apart);
    case QkNorm::kEachHead:
      return mx::reshape(
                 layer_norm(
                     mx::reshape(x, {-1, head_dim_}), std::nullopt,
                     std::nullopt, eps_),
                 apart) *
             mx::astype(*each_head_, x.dtype());
    case QkNorm::kNone:
      break;
  }
  return mx::reshape(x, apart);
}

RopeHeads HeadNorm::for_rope(const mx::array& x) const {
  if (kind_ == QkNorm::kNone) {
    return {x};
  }
  if (kind_ == QkNorm::kHead && norm_->rms_weight()) {
    return {x, norm_->rms_weight()};
  }
  return {(*this)(x)};
}

Gqa::Gqa(
    Checkpoint& ck,
    const std::string& at,
    const ArchSpec& arch,
    const GqaSpec& spec,
    int layer)
    : spec_(spec),
      qkv_(
          ck,
          members_of(at, arch.names, spec),
          arch.width,
          bias_if(spec.qkv_bias),
          arch.quantization),
      out_(
          ck,
          at + arch.names.o,
          {spec.heads * spec.head_dim, arch.width, bias_if(spec.out_bias)},
          arch.quantization),
      q_norm_(
          ck,
          at + arch.names.q_norm,
          spec.qk_norm,
          spec.heads,
          spec.head_dim,
          arch.norm),
      k_norm_(
          ck,
          at + arch.names.k_norm,
          spec.qk_norm,
          spec.kv_heads,
          spec.head_dim,
          arch.norm),
      rope_(spec.rope ? std::optional<Rope>(*spec.rope) : std::nullopt),
      norm_eps_(arch.norm.eps),
      attention_(attention_of(ck, at, spec, layer)) {
}

std::vector<mx::array> Gqa::project(const mx::array& x) const {
  auto parts = qkv_(x);
  if (spec_.layout == QkvLayout::kByHead) {
    return split_by_head(parts[0], spec_.heads, spec_.head_dim);
  }
  parts[2] = mx::reshape(parts[2], {x.shape(0), -1, spec_.head_dim});
  return parts;
}

mx::array Gqa::attended(
    const std::vector<mx::array>& qkv, StepContext& ctx) const {
  const mx::array &q = qkv[0], &k = qkv[1], &v = qkv[2];
  if (!rope_) {
    return ctx.attention(attention_, grown(q_norm_(q), ctx), k_norm_(k), v);
  }
  const auto turned = ctx.attention.place(
      attention_.layer, q_norm_.for_rope(q), k_norm_.for_rope(k), v,
      rope_->turns(ctx.positions, spec_.head_dim, norm_eps_));
  return ctx.attention.attend(attention_, grown(turned, ctx));
}

mx::array Gqa::grown(const mx::array& q, StepContext& ctx) const {
  if (!spec_.growth) {
    return q;
  }
  const auto position = mx::astype(ctx.positions, mx::float32);
  const auto periods =
      mx::floor(position / static_cast<float>(spec_.growth->period));
  const auto factor = 1.0f + spec_.growth->beta * mx::log(1.0f + periods);
  return q * mx::reshape(mx::astype(factor, q.dtype()), {-1, 1, 1});
}

mx::array Gqa::operator()(const mx::array& x, StepContext& ctx) const {
  auto qkv = project(x);
  const auto gate = spec_.gated ? std::optional(take_gate(qkv[0], spec_.heads))
                                : std::nullopt;
  const auto mixed = attended(qkv, ctx);
  return out_(mx::reshape(
      gate ? mixed * mx::sigmoid(*gate) : mixed,
      {x.shape(0), spec_.heads * spec_.head_dim}));
}

} // namespace parallm
