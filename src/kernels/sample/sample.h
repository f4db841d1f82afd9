#pragma once

#include <mlx/mlx.h>

#include <memory>
#include <optional>
#include <vector>

#include "kernels/sample/sample_row.h"

// Engine thread only.
namespace parallm {

namespace mx = mlx::core;

using DrawRows = std::vector<DrawRow>;

// What a step has drawn, still on the device.
struct Draws {
  mx::array ids;    // (R) int32; 0 where nothing was drawn
  mx::array status; // (R) int32, DrawStatus
  // (P, V) float32: the values that stage 9 saw of the P rows that want them,
  // in order; -infinity is what no draw can take
  std::optional<mx::array> processed{};
};

// Stages 1 to 9 for every row, lazily. logits (R, V) float32; one of `rows`
// for each of theirs. A row's result is a function of that row alone. The
// rows are shared with the device's queue, which may run after the caller.
Draws draw(const mx::array& logits, std::shared_ptr<const DrawRows> rows);

// The same in plain MLX operations: for devices without a kernel, and what
// the kernel is tested against.
Draws draw_reference(const mx::array& logits, const DrawRows& rows);

} // namespace parallm
