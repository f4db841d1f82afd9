#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/paged_attention/paged_attention.h"
#include "kvstore/kv_store.h"

namespace parallm {

// One sequence's part of a step: positions [begin, end), at least one.
struct KvRow {
  std::span<const int32_t> blocks; // the sequence's block table, in order;
                                   // covers position end - 1 at least
  int begin = 0;
  int end = 0;
  int slot = 0; // of the sequence's states, if the model keeps any
};

// The Attention of one step: writes the step's keys and values into the
// store, then attends in the pools. Built afresh for each step; the spans need
// to live only while it is built. T is the sum of the rows' lengths, tokens
// in row order. Engine thread only.
class PagedAttention : public Attention {
 public:
  PagedAttention(KvStore& store, std::span<const KvRow> rows);

  // (T) int32, as the rows say; for StepInput and StepContext.
  const mx::array& positions() const { return layout_.step.positions; }
  // (T) int32: where each token's key and value are stored.
  const mx::array& slots() const { return layout_.slots; }

  mx::array operator()(
      const AttentionSpec& spec,
      const mx::array& q,
      const mx::array& k,
      const std::optional<mx::array>& v) override;
  mx::array place(
      int layer,
      const RopeHeads& q,
      const RopeHeads& k,
      const mx::array& v,
      const RopeTurns& turns) override;
  mx::array attend(const AttentionSpec& spec, const mx::array& q) override;

 private:
  struct Layout {
    PagedStep step;
    mx::array slots;
  };
  static Layout lay_out(const KvGeometry&, std::span<const KvRow> rows);

  KvStore& store_;
  Layout layout_;
};

} // namespace parallm
