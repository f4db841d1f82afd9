#pragma once

#include <mlx/mlx.h>

#include <optional>
#include <vector>

namespace parallm {

namespace mx = mlx::core;

// Which tokens of a step belong to which sequence. Letters: T tokens and R rows
// of the step, H query heads, G key/value heads, D width of a query and a key,
// Dv of a value.
struct PagedStep {
  struct Row {
    int first_token = 0; // in the step: rows follow each other
    int begin = 0;       // positions [begin, end) in its own sequence
    int end = 0;
  };
  std::vector<Row> rows;
  mx::array tables;    // (R, widest) int32 block ids, padded with 0
  mx::array positions; // (T) int32: its place in its own sequence
};

struct PagedAttentionOptions {
  float scale = 1.0f;
  int window = 0; // 0: all earlier positions; W: the last W, itself included
  // > 0: a scaled score s becomes softcap * tanh(s / softcap).
  float softcap = 0;
  // (H): a score of each head that has a weight in the softmax, but no value;
  // neither scaled nor capped.
  std::optional<mx::array> sinks = std::nullopt;
  // > 0: Dv, and the values are the first Dv numbers of each key. The value
  // pool is not read; pass the key pool.
  int values_in_keys = 0;
};

// q (T, H, D), pools (blocks, G, block_tokens, D) and (blocks, G, block_tokens,
// Dv) of one type, floats or int8 as kv_write writes them -> (T, H, Dv) of q's
// type. Sums in float32. On the CPU each (token, head) is summed in one order
// that depends on its own position alone: the same bits in any batch, chunked
// or not, on any number of threads, whatever lies at positions that it does not
// see. Elsewhere the reference runs, which promises none of it. Lazy. Engine
// thread only, as is the reference.
mx::array paged_attention(
    const mx::array& q,
    const mx::array& key_pool,
    const mx::array& value_pool,
    const PagedStep& step,
    const PagedAttentionOptions& options);

// The same in MLX's own operations: for devices without a kernel, and for
// tests. Not the same bits.
mx::array paged_attention_reference(
    const mx::array& q,
    const mx::array& key_pool,
    const mx::array& value_pool,
    const PagedStep& step,
    const PagedAttentionOptions& options);

} // namespace parallm
