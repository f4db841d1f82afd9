#pragma once

#include "kernels/linear/activation_tiles.h"

// Products with packed weights, panel by panel. No MLX here. Plain values and
// functions without state: any thread.
namespace parallm {

struct PanelMatrix {
  PanelLayout layout;
  const uint8_t* panels = nullptr;
  float factor = 1;           // of every scale
  const void* bias = nullptr; // (outputs) or none
  FloatType bias_type = FloatType::kF32;
};

struct PanelProduct {
  PanelMatrix weight;
  const ActivationTiles* x = nullptr; // of the weight's groups
  void* const* out = nullptr;         // for each row of x: its outputs
  FloatType out_type = FloatType::kF32;
};

// Outputs [32 panel, 32 (panel + 1)) of all rows. The weight is read from
// memory once, whatever the number of rows.
void multiply_panel(const PanelProduct& product, int panel);

} // namespace parallm
