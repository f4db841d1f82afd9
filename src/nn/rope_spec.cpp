#include "nn/rope_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace parallm {
namespace {

// Far above any model.
constexpr double kMostTheta = 1e12;
constexpr double kMostFactor = 1e6;
constexpr int kMostPositions = 1 << 27;

constexpr const char* kOriginal = "original_max_position_embeddings";
constexpr const char* kPartial = "partial_rotary_factor";

constexpr std::array kKnown = {"type",    "rope_type",       "rope_theta",
                               "factor",  "low_freq_factor", "high_freq_factor",
                               kOriginal, kPartial};

// The settings: older files have rope_theta beside rope_scaling, newer ones
// all of it in rope_parameters. Where a file has both, a key of rope_scaling
// goes before the same of rope_parameters, and that before one of the file
// itself, as in transformers 5.
class RopeKeys {
 public:
  explicit RopeKeys(const ConfigJson& file) : file_(file) {
    for (const char* name : {"rope_scaling", "rope_parameters"}) {
      if (file.has(name)) {
        parts_.push_back(file.object(name));
        expect_one_rope(name, parts_.back());
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
  void expect_all_known() const {
    for (const auto& part : parts_) {
      for (const auto& key : part.keys()) {
        if (part.has(key) &&
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
  void expect_one_rope(const char* name, const ConfigJson& part) const {
    for (const auto& key : part.keys()) {
      if (part.is_object(key)) {
        file_.refuse(
            name,
            fmt::format(
                "has settings for {}, expected one set for all layers", key));
      }
    }
  }

  const ConfigJson& file_;
  std::vector<ConfigJson> parts_; // in the order in which they are asked
};

RopeSpec::Scaling read_type(const RopeKeys& keys) {
  const std::string key = keys.type_key();
  const std::string type = keys.at(key).text_or(key, "default");
  if (type == "linear") {
    return RopeSpec::Scaling::kLinear;
  }
  if (type == "llama3") {
    return RopeSpec::Scaling::kLlama3;
  }
  if (type != "default") {
    keys.at(key).refuse_value(key, "default, linear or llama3");
  }
  return RopeSpec::Scaling::kNone;
}

// A factor that no type uses would be lost.
double read_factor(const RopeKeys& keys, RopeSpec::Scaling scaling) {
  const ConfigJson& part = keys.at("factor");
  if (scaling != RopeSpec::Scaling::kNone) {
    return part.number("factor", 1e-6, kMostFactor);
  }
  if (part.number_or("factor", 1, 0, kMostFactor) != 1) {
    part.refuse_value("factor", "1, as the type is default");
  }
  return 1;
}

void read_llama3(const RopeKeys& keys, RopeSpec& rope) {
  const auto number = [&](const char* key, double fallback) {
    return keys.at(key).number_or(key, fallback, 1e-6, kMostFactor);
  };
  rope.low_frequency_factor = number("low_freq_factor", 1);
  rope.high_frequency_factor = number("high_freq_factor", 4);
  if (rope.high_frequency_factor <= rope.low_frequency_factor) {
    keys.at("high_freq_factor")
        .refuse_value("high_freq_factor", "more than low_freq_factor");
  }
  rope.original_positions =
      keys.anywhere(kOriginal).integer_or(kOriginal, 8192, 1, kMostPositions);
}

void read_scaling(const RopeKeys& keys, RopeSpec& rope) {
  rope.scaling = read_type(keys);
  keys.expect_all_known();
  rope.factor = read_factor(keys, rope.scaling);
  if (rope.scaling == RopeSpec::Scaling::kLlama3) {
    read_llama3(keys, rope);
  }
}

} // namespace

RopeSpec RopeSpec::read(const ConfigJson& config, int head_dim) {
  const RopeKeys keys(config);
  RopeSpec rope;
  rope.width = head_dim;
  rope.theta = keys.anywhere("rope_theta")
                   .number_or("rope_theta", 10000, 1e-3, kMostTheta);
  if (config.flag_or("rope_traditional", false)) {
    rope.pairs = RopePairs::kAdjacent;
  }
  const ConfigJson& partial = keys.anywhere(kPartial);
  if (partial.number_or(kPartial, 1, 0, 1) != 1) {
    partial.refuse_value(kPartial, "1");
  }
  if (!keys.empty()) {
    read_scaling(keys, rope);
  }
  return rope;
}

} // namespace parallm
