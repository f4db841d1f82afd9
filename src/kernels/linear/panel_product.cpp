#include "kernels/linear/panel_product.h"

#include <algorithm>

#include "kernels/linear/finished_rows.h"

namespace parallm {
namespace {

struct FinishArgs {
  const PanelProduct& product;
  const ActivationTiles::Tile& tile;
  int first; // output
  int columns;
  float* sums; // (tile rows, 32)
};

// Adds the bias, rounds, stores.
PARALLM_INLINE void finish_body(const FinishArgs& a) {
  const PanelProduct& p = a.product;
  const PanelMatrix& w = p.weight;
  const FinishedRows rows{w.bias, w.bias_type, p.out_type, a.first, a.columns};
  const RowFinisher finisher(rows);
  for (int row = 0; row < a.tile.rows; ++row) {
    finisher.finish(a.sums + row * kPanelOutputs, p.out[a.tile.first + row]);
  }
}

PARALLM_MULTIVERSION(finish, finish_body, FinishArgs)

} // namespace

void multiply_panel(const PanelProduct& product, int panel) {
  const PanelMatrix& w = product.weight;
  const TileKernels& kernels = product.x->kernels();
  alignas(64) float sums[kMostTileRows * kPanelOutputs];
  const int first = panel * kPanelOutputs;
  const int columns = std::min(kPanelOutputs, w.layout.outputs - first);
  TileArgs args{w.layout, w.factor, w.panels + panel * w.layout.panel_bytes()};
  args.out = sums;
  for (const auto& tile : product.x->tiles()) {
    args.rows = tile.tile_rows;
    args.tile = tile.memory;
    kernels.function(w.layout.form, tile.tile_rows)(args);
    finish({product, tile, first, columns, sums});
  }
}

} // namespace parallm
