#include "models/read_mamba2.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "models/read_spec.h"

namespace parallm {
namespace {

constexpr int kMostOfEach = 1 << 14; // so that products of two fit an int
constexpr int kMostVector = 16;      // floats; to whole ones states grow

ScanShape read_scan(const ConfigJson& json, const Mamba2Keys& keys) {
  ScanShape shape;
  shape.heads = json.integer(keys.heads, 1, kMostOfEach);
  shape.head_dim = json.integer(keys.head_dim, 1, kMostOfEach);
  expect_joined_width(json, keys.head_dim, shape.head_dim, shape.heads);
  shape.groups = json.integer(keys.groups, 1, shape.heads);
  if (shape.heads % shape.groups != 0) {
    json.refuse_value(
        keys.groups,
        fmt::format("a divisor of {}, {}", keys.heads, shape.heads));
  }
  const int fitting = ConfigJson::kMost / scan_width(shape) - kMostVector;
  shape.state = json.integer(keys.state, 1, std::min(kMostOfEach, fitting));
  return shape;
}

void read_time_steps(const ConfigJson& json, Mamba2Spec& mixer) {
  constexpr double kEndless = std::numeric_limits<double>::infinity();
  mixer.most_dt = std::numeric_limits<float>::infinity();
  if (!json.has("time_step_limit")) {
    return;
  }
  const auto limits = json.numbers("time_step_limit", 0, kEndless);
  if (limits.size() != 2 || limits[0] > limits[1]) {
    json.refuse_value("time_step_limit", "the least and the most");
  }
  mixer.least_dt = static_cast<float>(limits[0]);
  mixer.most_dt = static_cast<float>(limits[1]);
}

} // namespace

Mamba2Spec read_mamba2_mixer(const ConfigJson& json, const Mamba2Keys& keys) {
  Mamba2Spec mixer;
  mixer.scan = read_scan(json, keys);
  mixer.taps = read_taps(json, keys.taps, scan_columns(mixer.scan));
  mixer.bias = json.flag_or(keys.bias, false);
  mixer.conv_bias = json.flag_or(keys.conv_bias, true);
  read_time_steps(json, mixer);
  return mixer;
}

} // namespace parallm
