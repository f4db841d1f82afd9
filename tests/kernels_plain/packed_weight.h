#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "kernels/linear/weight_form.h"
#include "tests/kernels_plain/small_floats.h"

// Random weights of every form, in memory as MLX packs them, and what their
// numbers are by the definition of the form. Plain values; any thread.
namespace parallm::test {

struct PackedWeight {
  WeightForm form;
  FloatType scale_type;
  int outputs;
  int inputs;
  int group_size;
  std::vector<uint8_t> codes;
  std::vector<uint8_t> scales;
  std::vector<uint8_t> biases;
  std::vector<double> numbers; // (outputs, inputs)
  std::vector<double> sizes;   // of what a number is added up from
};

inline const char* text(WeightForm form) {
  constexpr const char* kTexts[] = {"f32",     "f16",     "bf16",    "affine2",
                                    "affine3", "affine4", "affine5", "affine6",
                                    "affine8", "mxfp4",   "nvfp4",   "mxfp8"};
  return kTexts[static_cast<int>(form)];
}

inline FloatType dense_type(WeightForm form) {
  return form == WeightForm::kF32   ? FloatType::kF32
         : form == WeightForm::kF16 ? FloatType::kF16
                                    : FloatType::kBF16;
}

inline double float_at(
    FloatType type, const std::vector<uint8_t>& bytes, size_t i) {
  if (type == FloatType::kF32) {
    float value;
    std::memcpy(&value, &bytes[i * 4], sizeof(value));
    return value;
  }
  uint16_t bits;
  std::memcpy(&bits, &bytes[i * 2], sizeof(bits));
  return number_of(type, bits);
}

inline std::vector<uint8_t> random_floats_of(
    FloatType type, size_t n, float low, float high, std::mt19937& random) {
  std::uniform_real_distribution<float> between(low, high);
  std::vector<float> values(n);
  for (auto& value : values) {
    value = between(random);
  }
  std::vector<uint8_t> bytes(n * float_bytes(type));
  store_row(type, bytes.data(), values.data(), static_cast<int>(n));
  return bytes;
}

inline std::vector<uint8_t> random_bytes(size_t n, std::mt19937& random) {
  std::vector<uint8_t> bytes(n);
  for (auto& byte : bytes) {
    byte = static_cast<uint8_t>(random());
  }
  return bytes;
}

inline std::vector<uint8_t> random_e4m3(size_t n, std::mt19937& random) {
  auto bytes = random_bytes(n, random);
  for (auto& byte : bytes) {
    byte = (byte & 0x7f) == 0x7f ? 0 : byte; // not a number
  }
  return bytes;
}

inline uint32_t code_at(const PackedWeight& w, size_t i) {
  const int bits = form_bits(w.form);
  uint32_t code = 0;
  for (int bit = 0; bit < bits; ++bit) {
    const size_t at = i * bits + bit;
    code |= (uint32_t{w.codes[at / 8]} >> at % 8 & 1u) << bit;
  }
  return code;
}

inline void add_number(PackedWeight& w, double number, double size) {
  w.numbers.push_back(number);
  w.sizes.push_back(size);
}

inline void add_number_of(PackedWeight& w, size_t i) {
  if (!is_packed(w.form)) {
    const double value = float_at(dense_type(w.form), w.codes, i);
    return add_number(w, value, std::abs(value));
  }
  const size_t group = i / w.group_size;
  const uint32_t code = code_at(w, i);
  if (is_affine(w.form)) {
    const double scaled = code * float_at(w.scale_type, w.scales, group);
    const double bias = float_at(w.scale_type, w.biases, group);
    return add_number(w, scaled + bias, std::abs(scaled) + std::abs(bias));
  }
  const double scale = w.form == WeightForm::kNvfp4
                           ? e4m3_number(w.scales[group])
                           : e8m0_number(w.scales[group]);
  const double value =
      scale * (form_bits(w.form) == 4 ? e2m1_number(code) : e4m3_number(code));
  add_number(w, value, std::abs(value));
}

inline void draw_scales(PackedWeight& w, std::mt19937& random) {
  const size_t groups = w.numbers.capacity() / w.group_size;
  if (is_affine(w.form)) {
    w.scales = random_floats_of(w.scale_type, groups, 0.01f, 0.1f, random);
    w.biases = random_floats_of(w.scale_type, groups, -1, 0, random);
  } else if (w.form == WeightForm::kNvfp4) {
    w.scales = random_e4m3(groups, random);
  } else {
    w.scales = random_bytes(groups, random);
    for (auto& scale : w.scales) {
      scale = static_cast<uint8_t>(120 + scale % 15);
    }
  }
}

// inputs: whole groups of group_size, if the form is packed.
inline PackedWeight random_weight(
    WeightForm form,
    int outputs,
    int inputs,
    int group_size,
    FloatType scale_type,
    uint32_t seed) {
  std::mt19937 random(seed);
  PackedWeight w{form, scale_type, outputs, inputs, group_size};
  const size_t size = static_cast<size_t>(outputs) * inputs;
  w.numbers.reserve(size);
  if (is_packed(form)) {
    const size_t bytes = size * form_bits(form) / 8;
    w.codes = form == WeightForm::kMxfp8 ? random_e4m3(bytes, random)
                                         : random_bytes(bytes, random);
    draw_scales(w, random);
  } else {
    w.codes = random_floats_of(dense_type(form), size, -1, 1, random);
  }
  for (size_t i = 0; i < size; ++i) {
    add_number_of(w, i);
  }
  return w;
}

} // namespace parallm::test
