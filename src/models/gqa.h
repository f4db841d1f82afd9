#pragma once

#include <optional>
#include <string>
#include <vector>

#include "models/arch_spec.h"
#include "nn/linear_group.h"
#include "nn/norm.h"
#include "nn/rope.h"
#include "nn/step_context.h"

namespace parallm {

// The norm of queries or keys before they meet; see QkNorm. Engine thread only.
class HeadNorm {
 public:
  HeadNorm(
      Checkpoint& checkpoint,
      const std::string& name,
      QkNorm kind,
      int heads,
      int head_dim,
      const NormSpec& spec);

  // (T, heads, D) -> the same
  mx::array operator()(const mx::array& x) const;

 private:
  QkNorm kind_;
  float eps_;
  std::optional<Norm> norm_;           // kHead, kWhole
  std::optional<mx::array> each_head_; // kEachHead: (heads, D)
};

// Attention of one layer, from E to E. Engine thread only.
class Gqa {
 public:
  // `at` is the module's path, with a dot at its end.
  Gqa(Checkpoint& checkpoint,
      const std::string& at,
      const ArchSpec& arch,
      const GqaSpec& spec,
      int layer);

  // (T, E) -> (T, E)
  mx::array operator()(const mx::array& x, StepContext& ctx) const;

 private:
  // Queries (T, H, D), keys and values (T, G, D).
  std::vector<mx::array> project(const mx::array& x) const;
  mx::array placed(const mx::array& heads, StepContext& ctx) const;
  mx::array grown(const mx::array& q, StepContext& ctx) const;

  GqaSpec spec_;
  LinearGroup qkv_;
  Linear out_;
  HeadNorm q_norm_, k_norm_;
  std::optional<Rope> rope_;
  AttentionSpec attention_;
};

} // namespace parallm
