#pragma once

#include "kernels/activation/activation_kind.h"
#include "kernels/floats.h"

// The arithmetic of `activation.h` on plain memory. No MLX here.
// Plain values and functions without state: any thread.
namespace parallm {

struct Formula {
  enum class Kind : uint8_t {
    kActivation,
    kClippedSwiglu, // of gpt-oss: alpha, limit
    kSoftcap,       // limit * tanh(gate / limit)
  };

  Kind kind = Kind::kActivation;
  Activation activation = Activation::kSilu;
  float alpha = 1;
  float limit = 1;
};

struct ActivationNumbers {
  Formula formula{};
  FloatType type = FloatType::kF32;
  const void* gate = nullptr;
  const void* up = nullptr; // null: 1, which changes no bit
  void* out = nullptr;
};

// Numbers [first, end).
void activate_numbers(
    const ActivationNumbers& numbers, size_t first, size_t end);

} // namespace parallm
