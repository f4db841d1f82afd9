#include <cstring>

#include "kernels/linear/packed_numbers.h"
#include "kernels/linear/panel.h"

namespace parallm {
namespace {

using namespace simd;

constexpr int kMostSteps = 128 / kStepInputs; // of a group

// The codes of a group, a byte each.
using Steps = uint8_t[kMostSteps][kStepBytes];

struct PackArgs {
  const PanelLayout& layout;
  const RawWeight& raw;
  int first;
  int end;
  uint8_t* out;
};

// 16 codes of one output, beginning with a step.
PARALLM_INLINE void place(const Words& codes, Steps& steps, int step, int at) {
  const auto bytes = __builtin_convertvector(codes, Bytes);
  for (int i = 0; i < kLanes / kStepInputs; ++i) {
    std::memcpy(
        &steps[step + i][at * kStepInputs],
        reinterpret_cast<const char*>(&bytes) + i * kStepInputs, kStepInputs);
  }
}

template <int kBits>
PARALLM_INLINE void gather_codes(
    const PackArgs& a, int panel, int group, Steps& steps) {
  const PanelLayout& l = a.layout;
  const auto* codes = static_cast<const uint8_t*>(a.raw.codes);
  for (int at = 0; at < kPanelOutputs; ++at) {
    const size_t output = static_cast<size_t>(panel) * kPanelOutputs + at;
    if (output >= static_cast<size_t>(l.outputs)) {
      break; // they stay zeros
    }
    const uint8_t* row = codes + (output * l.inputs +
                                  static_cast<size_t>(group) * l.group_size) *
                                     kBits / 8;
    for (int i = 0; i < l.group_size; i += kLanes) {
      Words sixteen;
      unpack<kBits>(sixteen, row + i * kBits / 8);
      place(sixteen, steps, i / kStepInputs, at);
    }
  }
}

// Bits [from, from + kWidth) of all codes, as many steps in a byte as fit.
template <int kWidth>
PARALLM_INLINE uint8_t* pack_plane(
    const uint8_t (*steps)[kStepBytes], int count, int from, uint8_t* out) {
  constexpr int kShare = 8 / kWidth;
  constexpr int kMask = (1 << kWidth) - 1;
  for (int step = 0; step < count; step += kShare) {
    for (int i = 0; i < kStepBytes; ++i) {
      int byte = 0;
      for (int s = 0; s < kShare; ++s) {
        byte |= (steps[step + s][i] >> from & kMask) << (s * kWidth);
      }
      out[i] = static_cast<uint8_t>(byte);
    }
    out += kStepBytes;
  }
  return out;
}

template <int kBits>
PARALLM_INLINE uint8_t* pack_unit(
    const uint8_t (*steps)[kStepBytes], int count, uint8_t* out) {
  if constexpr (kBits == 8) {
    return pack_plane<8>(steps, count, 0, out);
  }
  if constexpr ((kBits & 4) != 0) {
    out = pack_plane<4>(steps, count, 0, out);
  }
  if constexpr ((kBits & 2) != 0) {
    out = pack_plane<2>(steps, count, kBits & 4, out);
  }
  if constexpr ((kBits & 1) != 0) {
    out = pack_plane<1>(steps, count, kBits & 6, out);
  }
  return out;
}

PARALLM_INLINE uint8_t* pack_scales(
    const PanelLayout& l,
    const void* from,
    int panel,
    int group,
    uint8_t* out) {
  const size_t each = l.scale_bytes() / kPanelOutputs;
  for (int at = 0; at < kPanelOutputs; ++at) {
    const size_t output = static_cast<size_t>(panel) * kPanelOutputs + at;
    if (output < static_cast<size_t>(l.outputs)) {
      std::memcpy(
          out + at * each,
          static_cast<const char*>(from) + (output * l.groups() + group) * each,
          each);
    } else {
      std::memset(out + at * each, 0, each);
    }
  }
  return out + l.scale_bytes();
}

template <int kBits>
PARALLM_INLINE void pack_body_of(const PackArgs& a) {
  const PanelLayout& l = a.layout;
  const int steps_of_group = l.group_size / kStepInputs;
  const int unit = std::min(kUnitSteps, steps_of_group);
  uint8_t* out = a.out;
  alignas(64) Steps steps = {};
  for (int panel = a.first; panel < a.end; ++panel) {
    if (panel == l.panels() - 1) {
      std::memset(steps, 0, sizeof(steps));
    }
    for (int group = 0; group < l.groups(); ++group) {
      gather_codes<kBits>(a, panel, group, steps);
      for (int step = 0; step < steps_of_group; step += unit) {
        out = pack_unit<kBits>(steps + step, unit, out);
      }
      out = pack_scales(l, a.raw.scales, panel, group, out);
      if (is_affine(l.form)) {
        out = pack_scales(l, a.raw.biases, panel, group, out);
      }
    }
  }
}

PARALLM_INLINE void pack_body(const PackArgs& a) {
  switch (form_bits(a.layout.form)) {
    case 2:
      return pack_body_of<2>(a);
    case 3:
      return pack_body_of<3>(a);
    case 4:
      return pack_body_of<4>(a);
    case 5:
      return pack_body_of<5>(a);
    case 6:
      return pack_body_of<6>(a);
    default:
      return pack_body_of<8>(a);
  }
}

PARALLM_MULTIVERSION(pack, pack_body, PackArgs)

} // namespace

void pack_panels(
    const PanelLayout& layout,
    const RawWeight& raw,
    int first,
    int end,
    uint8_t* out) {
  pack({layout, raw, first, end, out});
}

} // namespace parallm
