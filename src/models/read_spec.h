#pragma once

#include <vector>

#include "models/arch_spec.h"
#include "nn/config_json.h"

// What the families' readers of config.json share. Any thread. Throws
// StartError that names the key.
namespace parallm {

// Where families name the same setting differently.
struct SpecKeys {
  const char* norm_eps = "rms_norm_eps";
  const char* activation = "silu"; // what hidden_act must say; null: no matter
  RopeKeys rope{};
};

// A Llama by the usual keys: every number in range and fitting the others.
// Families change what is different about them.
ArchSpec read_llama(const ConfigJson& json, const SpecKeys& keys = {});

// Everything but what layers are made of, and the MLP of each.
ArchSpec read_frame(const ConfigJson& json, const SpecKeys& keys = {});
MlpSpec read_mlp(const ConfigJson& json);
GqaSpec read_gqa(const ConfigJson& json, int width, const SpecKeys& keys = {});

// Of all heads together, or of an MLP; so that no product of such numbers
// leaves an int.
inline constexpr int kMostJoinedWidth = 1 << 24;

int read_width(const ConfigJson& json, const char* key);

// Refuses the key, whose value is `width`, if heads of this width and what
// stands beside it in each are too many.
void expect_joined_width(
    const ConfigJson& json,
    const char* key,
    int width,
    int heads,
    int beside = 0);

// A list of two types, one for each layer: which are of the first.
std::vector<bool> layers_of_type(
    const ConfigJson& json,
    const char* key,
    size_t layers,
    const std::string& type,
    const std::string& other);

// The tokens that a convolution over time sees; what it keeps of so many
// channels, (taps - 1) * channels, fits an int.
int read_taps(const ConfigJson& json, const char* key, int channels);

// For settings of which we know one value only, which counts where the key is
// absent.
void expect_text(const ConfigJson& json, const char* key, const char* expected);
void expect_flag(const ConfigJson& json, const char* key, bool expected);

// For families whose layers slide by their number where the file has no
// layer_types, which go first: all slide whose number, from 1, is no multiple
// of `period`; for period 0 all do. None if the file has no window.
void slide_except(ArchSpec& spec, const ConfigJson& json, int period);

// num_experts_per_tok and the experts' number and width.
MoeSpec read_moe(
    const ConfigJson& json, const char* experts_key, const char* width_key);

// Every layer's feed-forward part.
void use_everywhere(ArchSpec& spec, const MoeSpec& moe);

// Changes every attention part; every feed-forward part without experts.
template <class Change>
void each_gqa(ArchSpec& spec, Change change) {
  for (auto& layer : spec.layers) {
    change(std::get<GqaSpec>(layer.mixer));
  }
}

template <class Change>
void each_mlp(ArchSpec& spec, Change change) {
  for (auto& layer : spec.layers) {
    change(std::get<MlpSpec>(layer.feed_forward));
  }
}

} // namespace parallm
