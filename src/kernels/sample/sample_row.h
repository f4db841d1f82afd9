#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/sample/gumbel.h"
#include "kernels/sample/logit_row.h"

// How one token is drawn from one row of logits: stages 1 to 9 of
// docs/CONTRACT.md "Sampling". Plain numbers. No MLX here; any thread.
namespace parallm {

// Stages 1 to 3 for one token: v > 0 ? v / repetition : v * repetition, then
// minus the penalties, then plus the bias.
struct LogitEdit {
  int32_t id = 0;
  float repetition = 1.0f;
  float penalty = 0.0f;
  float bias = 0.0f;
};

inline constexpr float kGreedyBelow = 1e-5f; // temperatures that mean 0

// All ids lie within the vocabulary and each list names an id once. The lists
// are shared because the step that reads them may outlive the choice.
struct DrawRow {
  std::shared_ptr<const std::vector<LogitEdit>> edits{};
  std::shared_ptr<const std::vector<int32_t>> allowed{}; // null: all
  std::vector<int32_t> banned{};
  float temperature = 1.0f;
  int top_k = 0;      // 0: off
  float top_p = 1.0f; // 1: off
  float min_p = 0.0f; // 0: off
  NoiseKey noise{};
  bool wants_processed = false; // the values that stage 9 sees are kept

  bool greedy() const { return !(temperature >= kGreedyBelow); }
  bool rewrites() const { return edits || allowed || !banned.empty(); }
};

enum class DrawStatus : int32_t {
  kDrawn = 0,
  kNotFinite = 1,   // the model's logits are not numbers
  kNothingLeft = 2, // stage 4 left no token
};

// `id` is 0 when nothing was drawn: the next step must be able to feed it.
struct Drawn {
  int32_t id = 0;
  DrawStatus status = DrawStatus::kDrawn;
};

// The row's temperature is without effect: that of `how` counts. `processed`:
// vocab floats, -infinity for what no draw can take; or null.
Drawn draw_row(const LogitRow& logits, const DrawRow& how, float* processed);

} // namespace parallm
