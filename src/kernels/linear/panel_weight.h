#pragma once

#include <mlx/mlx.h>

#include <optional>

#include "kernels/linear/panel.h"
#include "kernels/linear/quantized_weight.h"

namespace parallm {

// How x is multiplied with packed weights on the CPU.
enum class Activations : uint8_t {
  kInt8,   // rounded to 8 bits, in the groups of the weight
  kFloat32 // exact
};

// A packed weight as the kernels of the CPU read it; see panel.h. A stack of
// experts has an axis X before the others. Engine thread only.
struct PanelWeight {
  mx::array panels; // (panels, bytes of one) uint8
  PanelLayout layout;
  Activations activations = Activations::kInt8;
  std::optional<mx::array> global_scale{}; // (X) f32
};

// Lazy; as large as what it is made of.
PanelWeight pack(const QuantizedWeight& weight, Activations activations);

// ids (T) int32 in [0, N) -> those outputs' numbers (T, K) of type `out`,
// computed in float32 and rounded once. Lazy. No stacks.
mx::array panel_rows(
    const PanelWeight& weight, const mx::array& ids, mx::Dtype out);

} // namespace parallm
