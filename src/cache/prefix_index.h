#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cache/block_id.h"
#include "core/types.h"

namespace parallm {

// Names a block by all that lies before it: H(parent's key, tokens), where
// the first parent is made from a salt.
using PrefixKey = uint64_t;

PrefixKey root_key(uint64_t salt);
PrefixKey child_key(PrefixKey parent, std::span<const TokenId> tokens);

// Which block holds which stretch of tokens. A hit is believed only after its
// tokens and its parent's key have been compared, so that a collision of keys
// costs a miss. That it never costs a wrong answer rests on ends being evicted
// before beginnings (BlockList gives back its last block first): as long as a
// block lives, no other tokens can take the key that it names as its parent.
// Where a sequence computed its beginning in blocks that got no key, because
// others had it, those may go first; then 64 bits are all there is. Engine
// thread only.
class PrefixIndex {
 public:
  PrefixIndex(int num_blocks, int block_tokens);

  // The block with these tokens after `parent`, or kNoBlock.
  BlockId find(
      PrefixKey key, PrefixKey parent, std::span<const TokenId> tokens) const;

  // False, and nothing changed, if the key is taken already.
  bool insert(
      BlockId block,
      PrefixKey key,
      PrefixKey parent,
      std::span<const TokenId> tokens);

  void erase(BlockId block);
  bool contains(BlockId block) const { return entry(block).used; }
  int size() const { return size_; }

 private:
  // A hash table without a node to allocate: the blocks whose keys fall into
  // one bucket are linked through their entries.
  struct Entry {
    PrefixKey key = 0;
    PrefixKey parent = 0;
    BlockId next = kNoBlock; // in the bucket
    bool used = false;
  };
  const Entry& entry(BlockId block) const;
  BlockId& bucket(PrefixKey key) {
    return buckets_[key & (buckets_.size() - 1)];
  }
  BlockId block_of(PrefixKey key) const;
  std::span<TokenId> tokens_of(BlockId block);
  std::span<const TokenId> tokens_of(BlockId block) const;

  size_t block_tokens_;
  std::vector<Entry> entries_;   // by block
  std::vector<TokenId> tokens_;  // (num_blocks, block_tokens)
  std::vector<BlockId> buckets_; // first of each; a power of two of them
  int size_ = 0;
};

} // namespace parallm
