#pragma once

#include <utility>
#include <vector>

#include "kvstore/paged_attention.h"
#include "kvstore/slot_states.h"
#include "models/load.h"
#include "tests/support/arrays.h"

// A model with a cache of its own, driven step by step: what the runner does,
// without scheduler, sampling or slots. Main thread only.
namespace parallm::test {

// The part of a sequence that one step feeds.
struct Feed {
  std::vector<int32_t> tokens;
  int begin = 0;    // position of the first
  int sequence = 0; // decides its blocks and its slot
};

class Decoder {
 public:
  static constexpr int kBlockTokens = 4;
  static constexpr int kTableBlocks = 84; // 336 positions

  Decoder(const Model& model, int sequences)
      : model_(model),
        sequences_(sequences),
        store_(geometry(model.shape(), sequences)) {}

  KvStore& store() { return store_; }

  // Logits of all tokens fed (T, V), lazily.
  mx::array step(const std::vector<Feed>& feeds) {
    std::vector<std::vector<int32_t>> tables;
    std::vector<int32_t> tokens;
    for (const auto& feed : feeds) {
      tables.push_back(table(feed.sequence));
      tokens.insert(tokens.end(), feed.tokens.begin(), feed.tokens.end());
    }
    std::vector<KvRow> rows;
    for (size_t i = 0; i < feeds.size(); ++i) {
      const int end = feeds[i].begin + static_cast<int>(feeds[i].tokens.size());
      rows.push_back({tables[i], feeds[i].begin, end, feeds[i].sequence});
    }
    PagedAttention attention(store_, rows);
    SlotStates states(store_, rows);
    StepContext context{attention, states, attention.positions()};
    return model_.logits(
        model_.hidden({ints(tokens), attention.positions()}, context));
  }

 private:
  static KvGeometry geometry(const ModelShape& shape, int sequences) {
    return {
        .layers = shape.kv_layers,
        .blocks = sequences * kTableBlocks,
        .block_tokens = kBlockTokens,
        .kv_heads = shape.kv_heads,
        .head_dim = shape.head_dim,
        .latent = shape.latent,
        .dtype = shape.dtype,
        .states = shape.states,
        .state_slots = sequences};
  }

  // The sequences' blocks lie interleaved and from the end of the pool.
  std::vector<int32_t> table(int sequence) const {
    std::vector<int32_t> blocks;
    for (int i = kTableBlocks - 1; i >= 0; --i) {
      blocks.push_back(i * sequences_ + sequence);
    }
    return blocks;
  }

  const Model& model_;
  int sequences_;
  KvStore store_;
};

} // namespace parallm::test
