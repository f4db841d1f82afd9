#include "nn/rope_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace parallm {
namespace {

using Scaling = RopeSpec::Scaling;

// Far above any model.
constexpr double kMostTheta = 1e12;
constexpr double kMostFactor = 1e6;
constexpr int kMostPositions = 1 << 27;

constexpr const char* kOriginal = "original_max_position_embeddings";

// What a rope may say; short_factor and short_mscale are for contexts within
// the original one, which we do not switch to: turned keys stay in the cache.
constexpr std::array kKnown = {
    "type",
    "rope_type",
    "rope_theta",
    "factor",
    "low_freq_factor",
    "high_freq_factor",
    kOriginal,
    "partial_rotary_factor",
    "beta_fast",
    "beta_slow",
    "mscale",
    "mscale_all_dim",
    "attention_factor",
    "truncate",
    "long_factor",
    "short_factor",
    "long_mscale",
    "short_mscale",
    "mrope_section",
    "finetuned"};

constexpr std::pair<const char*, Scaling> kTypes[] = {
    {"default", Scaling::kNone},
    {"linear", Scaling::kLinear},
    {"llama3", Scaling::kLlama3},
    {"yarn", Scaling::kYarn},
    {"longrope", Scaling::kLongRope},
    {"deepseek_yarn", Scaling::kYarn},
    {"telechat3-yarn", Scaling::kYarn},
    {"su", Scaling::kLongRope},
    // Grows theta beyond the positions that the model has; we never go there.
    {"dynamic", Scaling::kNone},
    // Three axes for pictures; for text they are one.
    {"mrope", Scaling::kNone}};

// The settings: older files have rope_theta beside rope_scaling, newer ones
// all of it in rope_parameters. Where a file has both, a key of rope_scaling
// goes before the same of rope_parameters, and that before one of the file
// itself, as in transformers 5.
class RopeReader {
 public:
  RopeReader(const ConfigJson& file, const std::string& layer_type)
      : file_(file) {
    for (const char* name : {"rope_scaling", "rope_parameters"}) {
      if (file.has(name)) {
        parts_.push_back(part_for(file, name, layer_type));
      }
    }
  }

  bool empty() const { return parts_.empty(); }

  // Where to read a key, or to miss it. Not to be asked if empty.
  const ConfigJson& at(const std::string& key) const {
    const ConfigJson* holder = find(key);
    return holder ? *holder : parts_.front();
  }

  // The same for keys that the file itself may have.
  const ConfigJson& anywhere(const std::string& key) const {
    const ConfigJson* holder = find(key);
    return holder ? *holder : file_;
  }

  double number(const char* key, double fallback, double least) const {
    return at(key).number_or(key, fallback, least, kMostFactor);
  }

  int original_positions(int fallback) const {
    return anywhere(kOriginal).integer_or(
        kOriginal, fallback, 1, kMostPositions);
  }

  // mlx-lm goes by "type", transformers by "rope_type".
  std::string type_key() const {
    for (const auto& part : parts_) {
      const bool older = part.has("type"), newer = part.has("rope_type");
      if (older && newer && part.text("type") != part.text("rope_type")) {
        part.refuse_value(
            "type", fmt::format("{}, as rope_type", part.text("rope_type")));
      }
      if (older || newer) {
        return older ? "type" : "rope_type";
      }
    }
    return "rope_type";
  }

  // What nobody here reads may still have a meaning.
  void expect_all_known(const std::string& also) const {
    for (const auto& part : parts_) {
      for (const auto& key : part.keys()) {
        if (part.has(key) && key != also &&
            std::find(kKnown.begin(), kKnown.end(), key) == kKnown.end()) {
          part.refuse(key, "is not a known setting");
        }
      }
    }
  }

 private:
  const ConfigJson* find(const std::string& key) const {
    const auto holder = std::find_if(
        parts_.begin(), parts_.end(),
        [&](const auto& part) { return part.has(key); });
    return holder == parts_.end() ? nullptr : &*holder;
  }

  // Some families have a rope for each type of layer.
  static ConfigJson part_for(
      const ConfigJson& file, const char* name, const std::string& type) {
    const ConfigJson part = file.object(name);
    if (!type.empty() && part.is_object(type)) {
      return part.object(type);
    }
    for (const auto& key : part.keys()) {
      if (part.is_object(key)) {
        file.refuse(
            name,
            fmt::format(
                "has settings for {}, expected one set for all layers", key));
      }
    }
    return part;
  }

  const ConfigJson& file_;
  std::vector<ConfigJson> parts_; // in the order in which they are asked
};

Scaling read_type(const RopeReader& rope) {
  const std::string key = rope.type_key();
  const std::string type = rope.at(key).text_or(key, "default");
  for (const auto& [name, scaling] : kTypes) {
    if (type == name) {
      return scaling;
    }
  }
  rope.at(key).refuse_value(
      key, "default, linear, llama3, yarn, longrope or dynamic");
}

bool scales_by_factor(Scaling scaling) {
  return scaling == Scaling::kLinear || scaling == Scaling::kLlama3 ||
         scaling == Scaling::kYarn;
}

// A factor that no type uses would be lost.
double read_factor(const RopeReader& rope, Scaling scaling) {
  const ConfigJson& part = rope.at("factor");
  if (scales_by_factor(scaling)) {
    return part.number("factor", 1e-6, kMostFactor);
  }
  const std::string key = rope.type_key();
  const std::string type = rope.at(key).text_or(key, "default");
  if (type == "default" && part.number_or("factor", 1, 0, kMostFactor) != 1) {
    part.refuse_value("factor", "1, as the type is default");
  }
  return 1;
}

void read_llama3(const RopeReader& rope, RopeSpec& spec) {
  spec.low_frequency_factor = rope.number("low_freq_factor", 1, 1e-6);
  spec.high_frequency_factor = rope.number("high_freq_factor", 4, 1e-6);
  if (spec.high_frequency_factor <= spec.low_frequency_factor) {
    rope.at("high_freq_factor")
        .refuse_value("high_freq_factor", "more than low_freq_factor");
  }
  spec.original_positions = rope.original_positions(8192);
}

// Peng et al. 2023 (arXiv 2309.00071), 3.4: how much larger scores become as
// contexts grow.
double yarn_magnitude(double factor, double mscale) {
  return factor <= 1 ? 1 : 0.1 * mscale * std::log(factor) + 1;
}

void read_yarn(const RopeReader& rope, RopeSpec& spec) {
  spec.original_positions = rope.original_positions(4096);
  spec.beta_fast = rope.number("beta_fast", 32, 1e-6);
  spec.beta_slow = rope.number("beta_slow", 1, 1e-6);
  spec.whole_pairs = rope.at("truncate").flag_or("truncate", true);
  const double of_all = rope.number("mscale_all_dim", 0, 0);
  const double all = yarn_magnitude(spec.factor, of_all);
  spec.amplitude =
      yarn_magnitude(spec.factor, rope.number("mscale", 1, 0)) / all;
  spec.amplitude = rope.number("attention_factor", spec.amplitude, 1e-6);
  spec.score_scale = of_all > 0 ? all * all : 1;
}

// Ding et al. 2024 (arXiv 2402.13753), as Phi-3 uses it.
double longrope_amplitude(double growth, int original_positions) {
  return growth <= 1
             ? 1
             : std::sqrt(1 + std::log(growth) / std::log(original_positions));
}

void read_longrope(
    const ConfigJson& file, const RopeReader& rope, RopeSpec& spec) {
  spec.factors =
      rope.at("long_factor").numbers("long_factor", 1e-6, kMostFactor);
  if (spec.factors.size() != static_cast<size_t>(spec.width / 2)) {
    rope.at("long_factor")
        .refuse(
            "long_factor",
            fmt::format(
                "has {} numbers, expected {}, one a pair of the {} turned",
                spec.factors.size(), spec.width / 2, spec.width));
  }
  spec.original_positions = rope.original_positions(4096);
  const double positions = file.integer_or(
      "max_position_embeddings", spec.original_positions, 1, kMostPositions);
  const double amplitude = longrope_amplitude(
      positions / spec.original_positions, spec.original_positions);
  spec.amplitude = rope.number("long_mscale", amplitude, 1e-6);
}

void read_scaling(
    const ConfigJson& file, const RopeReader& rope, RopeSpec& spec) {
  spec.scaling = read_type(rope);
  spec.factor = read_factor(rope, spec.scaling);
  switch (spec.scaling) {
    case Scaling::kLlama3:
      return read_llama3(rope, spec);
    case Scaling::kYarn:
      return read_yarn(rope, spec);
    case Scaling::kLongRope:
      return read_longrope(file, rope, spec);
    case Scaling::kNone:
    case Scaling::kLinear:
      break;
  }
}

int read_width(const RopeReader& rope, int head_dim, const RopeKeys& keys) {
  const ConfigJson& partial = rope.anywhere(keys.partial);
  const double share = partial.number_or(keys.partial, 1, 0, 1);
  const int width = static_cast<int>(head_dim * share);
  if (width < 2 || width % 2 != 0) {
    partial.refuse(
        keys.partial == "" || !partial.has(keys.partial) ? "head_dim"
                                                         : keys.partial,
        fmt::format(
            "turns {} numbers of a head, expected an even number", width));
  }
  return width;
}

} // namespace

RopeSpec read_rope(
    const ConfigJson& config, int head_dim, const RopeKeys& keys) {
  const RopeReader rope(config, keys.layer_type);
  RopeSpec spec;
  spec.width = read_width(rope, head_dim, keys);
  spec.theta =
      rope.anywhere(keys.theta).number_or(keys.theta, 10000, 1e-3, kMostTheta);
  if (config.flag_or("rope_traditional", false)) {
    spec.pairs = RopePairs::kAdjacent;
  }
  rope.expect_all_known(keys.also);
  if (!rope.empty()) {
    read_scaling(config, rope, spec);
  }
  return spec;
}

} // namespace parallm
