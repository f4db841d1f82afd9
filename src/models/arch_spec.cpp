#include "models/arch_spec.h"

#include <algorithm>

namespace parallm {
namespace {

// Queries, keys and values, before and after they are turned.
size_t floats_of(const GqaSpec& a) {
  return size_t{2} * (a.heads + a.kv_heads) * a.head_dim;
}

size_t floats_of(const MlaSpec& a) {
  return size_t{3} * a.heads * (a.latent + a.rope_width) + a.query_rank;
}

size_t floats_of(const MlpSpec& m) {
  return size_t{3} * m.width;
}

size_t floats_of(const MoeSpec& m) {
  const size_t shared = m.shared ? floats_of(*m.shared) : 0;
  return size_t{3} * m.width * m.per_token + shared + size_t{4} * m.experts;
}

int widest_of(const GqaSpec& a) {
  return a.heads * a.head_dim;
}

int widest_of(const MlaSpec& a) {
  return a.heads * (a.latent + a.rope_width);
}

int widest_of(const MlpSpec& m) {
  return m.width;
}

int widest_of(const MoeSpec& m) {
  return m.width;
}

template <class Part>
auto visit(const Part& part, auto&& of) {
  return std::visit(of, part);
}

} // namespace

size_t floats_per_token(const ArchSpec& spec) {
  size_t most = 0;
  const auto floats = [](const auto& part) { return floats_of(part); };
  for (const auto& layer : spec.layers) {
    most = std::max(
        most,
        visit(layer.attention, floats) + visit(layer.feed_forward, floats));
  }
  return size_t{6} * spec.width + most;
}

int widest(const ArchSpec& spec) {
  int most = spec.width;
  const auto of = [](const auto& part) { return widest_of(part); };
  for (const auto& layer : spec.layers) {
    most = std::max(
        {most, visit(layer.attention, of), visit(layer.feed_forward, of)});
  }
  return most;
}

} // namespace parallm
