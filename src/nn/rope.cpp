#include "nn/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace parallm {
namespace {

// Llama 3.1: slow turns, whose wave is longer than the original context, are
// slowed by the factor; fast ones stay; those between are blended.
double llama3_frequency(const RopeSpec& spec, double frequency) {
  const double wave = 2 * std::numbers::pi / frequency;
  const double turns = spec.original_positions / wave; // in the old context
  if (turns < spec.low_frequency_factor) {
    return frequency / spec.factor;
  }
  if (turns >= spec.high_frequency_factor) {
    return frequency;
  }
  const double smooth =
      (turns - spec.low_frequency_factor) /
      (spec.high_frequency_factor - spec.low_frequency_factor);
  return frequency * ((1 - smooth) / spec.factor + smooth);
}

// YaRN: the pair that turns this often in the original context.
double yarn_pair(const RopeSpec& spec, double turns) {
  return spec.width *
         std::log(spec.original_positions / (turns * 2 * std::numbers::pi)) /
         (2 * std::log(spec.theta));
}

// YaRN: pairs before the first keep their frequency, those after the last are
// slowed by the factor; between them it goes in a straight line.
double yarn_frequency(const RopeSpec& spec, int pair, double frequency) {
  double first = yarn_pair(spec, spec.beta_fast);
  double last = yarn_pair(spec, spec.beta_slow);
  if (spec.whole_pairs) {
    first = std::floor(first);
    last = std::ceil(last);
  }
  first = std::max(first, 0.0);
  last = std::min(last, spec.width - 1.0);
  last += first == last ? 0.001 : 0;
  const double slowed = std::clamp((pair - first) / (last - first), 0.0, 1.0);
  return frequency * (1 - slowed) + frequency / spec.factor * slowed;
}

double scaled(const RopeSpec& spec, int pair, double frequency) {
  switch (spec.scaling) {
    case RopeSpec::Scaling::kLinear:
      return frequency / spec.factor;
    case RopeSpec::Scaling::kLlama3:
      return llama3_frequency(spec, frequency);
    case RopeSpec::Scaling::kYarn:
      return yarn_frequency(spec, pair, frequency);
    case RopeSpec::Scaling::kLongRope:
      return frequency / spec.factors[static_cast<size_t>(pair)];
    case RopeSpec::Scaling::kNone:
      break;
  }
  return frequency;
}

} // namespace

std::vector<float> rope_frequencies(const RopeSpec& spec) {
  std::vector<float> frequencies;
  for (int i = 0; i < spec.width / 2; ++i) {
    const double plain = std::pow(spec.theta, -2.0 * i / spec.width);
    frequencies.push_back(static_cast<float>(scaled(spec, i, plain)));
  }
  return frequencies;
}

Rope::Rope(const RopeSpec& spec)
    : frequencies_([&] {
        const auto numbers = rope_frequencies(spec);
        return mx::array(numbers.begin(), mx::Shape{spec.width / 2});
      }()),
      pairs_(spec.pairs),
      amplitude_(static_cast<float>(spec.amplitude)) {
}

} // namespace parallm
