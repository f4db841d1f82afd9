#include "models/arch_spec.h"

#include <algorithm>

namespace parallm {
namespace {

// Queries, keys and values, before and after they are turned.
size_t floats_of(const GqaSpec& a) {
  const int gates = a.gated ? a.heads : 0;
  return size_t{2} * (a.heads + a.kv_heads + gates) * a.head_dim;
}

size_t floats_of(const MlaSpec& a) {
  return size_t{3} * a.heads * (a.latent + a.rope_width) + a.query_rank;
}

// B, C and x, B * x, and what the convolution gives.
size_t floats_of(const ShortConvSpec& c) {
  return size_t{6} * c.width;
}

// The gate, what goes through the convolution, before and after, and what comes
// out, before and after its norm.
size_t floats_of(const Mamba2Spec& m) {
  return size_t{4} * scan_width(m.scan) + size_t{4} * scan_columns(m.scan) +
         m.scan.heads;
}

// Likewise, with two gates.
size_t floats_of(const GatedDeltaSpec& g) {
  return size_t{4} * delta_width(g.delta) + size_t{4} * delta_columns(g.delta) +
         size_t{2} * g.delta.value_heads;
}

size_t floats_of(std::monostate) {
  return 0;
}

size_t floats_of(const MlpSpec& m) {
  return size_t{3} * m.width;
}

size_t floats_of(const MoeSpec& m) {
  const size_t shared = m.shared ? floats_of(*m.shared) : 0;
  return size_t{3} * m.width * m.per_token + shared + size_t{4} * m.experts +
         size_t{2} * m.latent;
}

// What the chosen experts give, and its product with their shares: float32,
// two of a shorter type.
size_t experts_floats(const FeedForwardPart& part, int width) {
  const auto* m = std::get_if<MoeSpec>(&part);
  return m ? size_t{3} * m->per_token * (m->latent > 0 ? m->latent : width) : 0;
}

int widest_of(const GqaSpec& a) {
  return a.heads * a.head_dim * (a.gated ? 2 : 1);
}

int widest_of(const MlaSpec& a) {
  return a.heads * (a.latent + a.rope_width);
}

int widest_of(const ShortConvSpec& c) {
  return 3 * c.width;
}

int widest_of(const Mamba2Spec& m) {
  return scan_width(m.scan) + scan_columns(m.scan) + m.scan.heads;
}

int widest_of(const GatedDeltaSpec& g) {
  return delta_columns(g.delta) + delta_width(g.delta);
}

int widest_of(std::monostate) {
  return 0;
}

int widest_of(const MlpSpec& m) {
  return m.width;
}

int widest_of(const MoeSpec& m) {
  return m.width;
}

// Fits; see read_taps.
int conv_state(int taps, int channels) {
  return (taps - 1) * channels;
}

std::vector<int> states_kept(const ShortConvSpec& c) {
  return {conv_state(c.taps, c.width)};
}

std::vector<int> states_kept(const Mamba2Spec& m) {
  return {conv_state(m.taps, scan_columns(m.scan)), scan_state_floats(m.scan)};
}

std::vector<int> states_kept(const GatedDeltaSpec& g) {
  return {
      conv_state(g.taps, delta_columns(g.delta)), delta_state_floats(g.delta)};
}

template <class Part>
std::vector<int> states_kept(const Part&) {
  return {};
}

template <class Part>
auto visit(const Part& part, auto&& of) {
  return std::visit(of, part);
}

} // namespace

bool keeps_kv(const MixerPart& mixer) {
  return std::holds_alternative<GqaSpec>(mixer) ||
         std::holds_alternative<MlaSpec>(mixer);
}

std::vector<int> states_of(const MixerPart& mixer) {
  return visit(mixer, [](const auto& part) { return states_kept(part); });
}

size_t floats_per_token(const ArchSpec& spec) {
  size_t most = 0;
  const auto floats = [](const auto& part) { return floats_of(part); };
  for (const auto& layer : spec.layers) {
    most = std::max(
        {most, visit(layer.mixer, floats),
         visit(layer.feed_forward, floats) +
             experts_floats(layer.feed_forward, spec.width)});
  }
  return size_t{6} * spec.width + most;
}

int widest(const ArchSpec& spec) {
  int most = spec.width;
  const auto of = [](const auto& part) { return widest_of(part); };
  for (const auto& layer : spec.layers) {
    most =
        std::max({most, visit(layer.mixer, of), visit(layer.feed_forward, of)});
  }
  return most;
}

} // namespace parallm
