#include <cmath>

#include "models/read_spec.h"
#include "models/registry.h"

namespace parallm {
namespace {

float scale(const ConfigJson& json, const char* key) {
  return static_cast<float>(json.number(key, 1e-9, 1e9));
}

} // namespace

// MiniCPM: scaled as its width and depth grow from a small model's. A head of
// its own reads E less by what E grew; without one, logits stay as they are.
ArchSpec read_minicpm(const ConfigJson& json) {
  ArchSpec spec = read_llama(json.with_defaults(R"({"rope_theta": 1000000})"));
  const auto layers = static_cast<float>(spec.layers.size());
  spec.embedding_scale = scale(json, "scale_emb");
  spec.residual_scale = scale(json, "scale_depth") / std::sqrt(layers);
  if (spec.tied_head != true) {
    spec.logit_scale =
        scale(json, "dim_model_base") / static_cast<float>(spec.width);
    spec.tied_head.reset(); // a file without a head is as good as tied
  }
  return spec;
}

} // namespace parallm
