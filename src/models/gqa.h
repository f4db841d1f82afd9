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

  // (T, heads, D) or (T, heads * D) -> (T, heads, D)
  mx::array operator()(const mx::array& x) const;

  // As rope takes them: with a norm that it computes on its way, or after it.
  RopeHeads for_rope(const mx::array& x) const;

 private:
  QkNorm kind_;
  int heads_, head_dim_;
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
  // Queries, keys, (T, heads, D) or (T, heads * D), and values (T, G, D).
  std::vector<mx::array> project(const mx::array& x) const;
  // What these attend to, once queries and keys are brought to size and turned:
  // (T, H, D).
  mx::array attended(const std::vector<mx::array>& qkv, StepContext& ctx) const;
  mx::array grown(const mx::array& q, StepContext& ctx) const;

  GqaSpec spec_;
  LinearGroup qkv_;
  Linear out_;
  HeadNorm q_norm_, k_norm_;
  std::optional<Rope> rope_;
  float norm_eps_;
  AttentionSpec attention_;
};

} // namespace parallm
