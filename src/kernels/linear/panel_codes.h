#pragma once

#include <cstring>

#include "kernels/linear/packed_numbers.h"
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

// What codes stand for, in units of kCodeUnit, before the group's scale and
// bias. Plain vectors, for any set.
template <WeightForm kForm>
constexpr float kCodeUnit = is_affine(kForm) || kForm == WeightForm::kMxfp8
                                ? 1.0f
                                : 0.5f;
template <WeightForm kForm>
PARALLM_INLINE void value_of(simd::Floats& out, const simd::Words& codes) {
  if constexpr (kForm == WeightForm::kMxfp8) {
    simd::load_e4m3(out, codes);
  } else if constexpr (form_bits(kForm) == 4 && !is_affine(kForm)) {
    simd::twice_e2m1(out, codes);
  } else {
    out = __builtin_convertvector(codes, simd::Floats);
  }
}

} // namespace
} // namespace parallm
