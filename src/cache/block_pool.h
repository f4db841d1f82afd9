#pragma once

#include <span>
#include <vector>

#include "cache/cache_geometry.h"
#include "cache/lru_list.h"
#include "cache/prefix_index.h"

namespace parallm {

// Counts the blocks, and who holds them. A block is free, held by one or more
// lists, or cached: held by nobody, but with a key, and evicted only when
// nothing is free, the longest unused first. Knows nothing of arrays or
// requests. Engine thread only.
class BlockPool {
 public:
  explicit BlockPool(CacheGeometry geometry);

  int block_tokens() const { return geometry_.block_tokens; }
  int total_blocks() const { return geometry_.num_blocks; }
  int free_blocks() const { return static_cast<int>(free_.size()); }
  int cached_blocks() const { return cached_.size(); }
  int held_blocks() const { return held_; }
  // What a list may still take.
  int available_blocks() const { return free_blocks() + cached_blocks(); }
  int blocks_for(int tokens) const {
    return (tokens + block_tokens() - 1) / block_tokens();
  }

  int holders(BlockId block) const { return holders_.at(size_t(block)); }
  bool hashed(BlockId block) const { return index_.contains(block); }
  // Rule block.shared.
  bool writable(BlockId block) const {
    return holders(block) == 1 && !hashed(block);
  }

  // Gives a held block, full of committed tokens, its key (rule block.hash).
  // Does nothing if another block has that key.
  void hash(
      BlockId block,
      PrefixKey key,
      PrefixKey parent,
      std::span<const TokenId> tokens);
  const PrefixIndex& index() const { return index_; }

  // Rule block.books. O(all blocks).
  void check_books() const;

 private:
  friend class BlockList;
  BlockId take(); // there must be one
  void share(BlockId block);
  void give_back(BlockId block);

  CacheGeometry geometry_;
  PrefixIndex index_;
  LruList cached_;
  std::vector<BlockId> free_; // the last is taken first
  std::vector<int> holders_;  // by block
  int held_ = 0;
};

} // namespace parallm
