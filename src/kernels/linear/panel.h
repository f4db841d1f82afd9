#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/floats.h"
#include "kernels/linear/weight_form.h"

// How a packed weight lies in memory for the CPU. Its outputs are cut into
// panels of 32, the last one filled up with zeros; a panel is read from its
// first byte to its last, once for each tile of rows. No MLX here.
//
//   panel   the groups of the inputs, one behind the other
//   group   codes, then 32 scales, then 32 biases (affine only)
//   codes   units of 8 steps (4 for groups of 16); a step is 4 inputs of each
//           output, output by output: 128 bytes if a code took one
//   unit    planes of 4, 2 and 1 bits, as the code's bits add up: 5 = 4 + 1. In
//           the plane of 4 bits a byte holds two steps, the first in its low
//           bits; in that of 2 bits four; in that of 1 bit eight. Codes of
//           eight bits lie as they are.
//
// So a vector of bytes holds the same 4 inputs of many outputs, as dot products
// of bytes want them, and no number takes more bits than in the file.
// Plain values and functions without state: any thread.
namespace parallm {

inline constexpr int kPanelOutputs = 32;
inline constexpr int kStepInputs = 4;
inline constexpr int kStepBytes = kPanelOutputs * kStepInputs;
inline constexpr int kUnitSteps = 8;
inline constexpr int kMostGroup = 128; // inputs

// Of one matrix. Packed forms only.
struct PanelLayout {
  WeightForm form = WeightForm::kAffine4;
  FloatType scale_type = FloatType::kF32; // affine only
  int outputs = 0;
  int inputs = 0; // whole groups
  int group_size = 64;

  int panels() const { return (outputs + kPanelOutputs - 1) / kPanelOutputs; }
  int groups() const { return inputs / group_size; }
  int code_bytes() const { // of a group
    return kPanelOutputs * group_size * form_bits(form) / 8;
  }
  int scale_bytes() const { // of a group; biases as many
    return kPanelOutputs *
           (is_affine(form) ? static_cast<int>(float_bytes(scale_type)) : 1);
  }
  size_t group_bytes() const {
    return static_cast<size_t>(code_bytes()) +
           scale_bytes() * (is_affine(form) ? 2 : 1);
  }
  size_t panel_bytes() const { return groups() * group_bytes(); }
  size_t bytes() const { return panels() * panel_bytes(); }
};

// A weight as MLX packs it: rows of codes, scales and biases.
struct RawWeight {
  const void* codes = nullptr;  // (outputs, inputs * bits / 8)
  const void* scales = nullptr; // (outputs, groups)
  const void* biases = nullptr; // likewise, affine only
};

// Panels [first, end) of the weight, at `out`, where panel `first` begins.
void pack_panels(
    const PanelLayout& layout,
    const RawWeight& raw,
    int first,
    int end,
    uint8_t* out);

// Outputs of a packed weight as rows of numbers, as of a table of tokens.
struct OutputRows {
  const PanelLayout& layout;
  const uint8_t* panels = nullptr;
  const int32_t* ids = nullptr; // each in [0, outputs)
  FloatType type = FloatType::kF32;
  char* out = nullptr; // (ids, inputs)
};

// Rows [first, end), computed in float32 and rounded once.
void unpack_outputs(const OutputRows& rows, size_t first, size_t end);

} // namespace parallm
