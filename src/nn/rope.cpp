#include "nn/rope.h"

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

double scaled(const RopeSpec& spec, double frequency) {
  switch (spec.scaling) {
    case RopeSpec::Scaling::kLinear:
      return frequency / spec.factor;
    case RopeSpec::Scaling::kLlama3:
      return llama3_frequency(spec, frequency);
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
    frequencies.push_back(static_cast<float>(scaled(spec, plain)));
  }
  return frequencies;
}

Rope::Rope(const RopeSpec& spec)
    : frequencies_([&] {
        const auto numbers = rope_frequencies(spec);
        return mx::array(numbers.begin(), mx::Shape{spec.width / 2});
      }()),
      pairs_(spec.pairs) {
}

} // namespace parallm
