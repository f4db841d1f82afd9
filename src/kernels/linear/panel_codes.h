#pragma once

#include <cstring>

#include "kernels/linear/panel.h"

// Reads codes from a panel. Files for one instruction set include what is above
// before they say the set, so that nothing of it is compiled for that set.
// Plain values and functions without state: any thread.
namespace parallm {
namespace {

template <class Codes>
PARALLM_INLINE void load_bytes(Codes& out, const uint8_t* from) {
  std::memcpy(&out, from, sizeof(out));
}

// A step of a unit: 4 codes, a byte each, of as many outputs as Codes, a vector
// of uint32_t, has lanes, from output `first` on. What is shifted across bytes
// is masked away.
template <WeightForm kForm, class Codes>
PARALLM_INLINE void load_codes(
    Codes& out, const uint8_t* unit, int step, int first) {
  constexpr int kBits = form_bits(kForm);
  const uint8_t* plane = unit + first * kStepInputs;
  if constexpr (kBits == 8) {
    load_bytes(out, plane + step * kStepBytes);
    return;
  }
  out = Codes{};
  Codes part;
  if constexpr ((kBits & 4) != 0) {
    load_bytes(part, plane + step / 2 * kStepBytes);
    out = part >> (step % 2 * 4) & 0x0f0f0f0fu;
    plane += kUnitSteps / 2 * kStepBytes;
  }
  if constexpr ((kBits & 2) != 0) {
    load_bytes(part, plane + step / 4 * kStepBytes);
    out |= (part >> (step % 4 * 2) & 0x03030303u) << (kBits & 4);
    plane += kUnitSteps / 4 * kStepBytes;
  }
  if constexpr ((kBits & 1) != 0) {
    load_bytes(part, plane);
    out |= (part >> step & 0x01010101u) << (kBits & 6);
  }
}

// Of a unit of this form.
template <WeightForm kForm>
constexpr int kStepsOfUnit =
    kForm == WeightForm::kNvfp4 ? kUnitSteps / 2 : kUnitSteps;
template <WeightForm kForm>
constexpr int kUnitBytes = kStepsOfUnit<kForm>* kStepBytes* form_bits(kForm) /
                           8;

} // namespace
} // namespace parallm
