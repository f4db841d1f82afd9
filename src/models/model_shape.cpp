#include "models/model_shape.h"

namespace parallm {
namespace {

void fill_in(const GqaSpec& a, ModelShape& shape) {
  shape.kv_heads = a.kv_heads;
  shape.head_dim = a.head_dim;
}

void fill_in(const MlaSpec& a, ModelShape& shape) {
  shape.kv_heads = 1;
  shape.head_dim = a.latent + a.rope_width;
  shape.latent = a.latent;
}

template <class Part>
void fill_in(const Part&, ModelShape&) {
}

void add_layer(const MixerPart& mixer, ModelShape& shape) {
  shape.kv_layers += keeps_kv(mixer);
  std::visit([&](const auto& part) { fill_in(part, shape); }, mixer);
  const auto states = states_of(mixer);
  shape.states.insert(shape.states.end(), states.begin(), states.end());
}

} // namespace

ModelShape model_shape(const ArchSpec& spec, mx::Dtype dtype) {
  ModelShape shape{
      .layers = static_cast<int>(spec.layers.size()),
      .vocab = spec.vocab,
      .max_positions = spec.max_positions,
      .dtype = dtype};
  for (const auto& layer : spec.layers) {
    add_layer(layer.mixer, shape);
  }
  return shape;
}

} // namespace parallm
