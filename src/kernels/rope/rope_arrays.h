#pragma once

#include <mlx/mlx.h>

#include <optional>
#include <vector>

#include "kernels/cpu_primitive.h"
#include "kernels/rope/rope.h"
#include "kernels/rope/rope_rows.h"

// Heads to turn, as inputs of a primitive: positions, frequencies, then of each
// group x and, if it has one, the weight. Engine thread, but for what is read
// once they are evaluated.
namespace parallm {

// What a primitive remembers of them.
struct RopeInputs {
  RopeSettings settings{};
  std::vector<bool> weighted{}; // each group
};
RopeInputs rope_inputs_of(
    const std::vector<RopeHeads>& groups, const RopeSettings& settings);

// Throws CheckFailed if they do not fit each other.
std::vector<mx::array> rope_arrays(
    const std::vector<RopeHeads>& groups,
    const mx::array& positions,
    const mx::array& frequencies,
    const RopeSettings& settings);

// (T, H, D) of x (T, H, D) or (T, H * D)
mx::Shape heads_shape(const mx::array& x, int width);

// Heads as they lie in memory: a slice of a wider array is read in place.
class HeadsView {
 public:
  HeadsView(const mx::array& x, int width);

  RopeRows::Heads heads();

 private:
  RowMajor rows_;
  const char* first_;
  bool in_place_;
  RopeRows::Heads heads_;
};

// The inputs once they are evaluated. Made in eval_cpu, read on the stream's
// thread.
class RopeMemory {
 public:
  RopeMemory(const RopeInputs& inputs, const std::vector<mx::array>& in);

  // Points into this; nobody has said yet where the groups go.
  RopeRows rows();

 private:
  struct Group {
    HeadsView heads;
    std::optional<RowMajor> weight;
    NormWeight norm; // without its memory

    RopeRows::Heads rows();
  };

  RopeRows rows_;
  RowMajor positions_, frequencies_;
  std::vector<Group> groups_{};
};

} // namespace parallm
