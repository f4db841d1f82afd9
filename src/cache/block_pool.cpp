#include "cache/block_pool.h"

#include "base/check.h"

namespace parallm {

BlockPool::BlockPool(CacheGeometry geometry)
    : geometry_(geometry),
      index_(geometry.num_blocks, geometry.block_tokens),
      cached_(geometry.num_blocks),
      holders_(size_t(geometry.num_blocks)) {
  PARALLM_CHECK(
      geometry.num_blocks > 0 && geometry.block_tokens > 0,
      "{} blocks of {} tokens", geometry.num_blocks, geometry.block_tokens);
  for (BlockId block = geometry.num_blocks - 1; block >= 0; --block) {
    free_.push_back(block);
  }
}

void BlockPool::hash(
    BlockId block,
    PrefixKey key,
    PrefixKey parent,
    std::span<const TokenId> tokens) {
  PARALLM_CHECK(holders(block) > 0, "block {} is not held", block);
  index_.insert(block, key, parent, tokens);
}

BlockId BlockPool::take() {
  PARALLM_CHECK(available_blocks() > 0, "no block of {}", total_blocks());
  BlockId block = kNoBlock;
  if (!free_.empty()) {
    block = free_.back();
    free_.pop_back();
  } else {
    block = cached_.oldest();
    cached_.erase(block);
    index_.erase(block);
  }
  holders_[size_t(block)] = 1;
  ++held_;
  return block;
}

void BlockPool::share(BlockId block) {
  if (holders(block) == 0) {
    cached_.erase(block); // throws if it is free: its content is unknown
    ++held_;
  }
  ++holders_[size_t(block)];
}

void BlockPool::give_back(BlockId block) {
  PARALLM_CHECK(holders(block) > 0, "block {} given back twice", block);
  if (--holders_[size_t(block)] > 0) {
    return;
  }
  --held_;
  if (hashed(block)) {
    cached_.push_newest(block);
  } else {
    free_.push_back(block);
  }
}

void BlockPool::check_books() const {
  PARALLM_CHECK(
      free_blocks() + cached_blocks() + held_blocks() == total_blocks(),
      "{} free + {} cached + {} held != {}", free_blocks(), cached_blocks(),
      held_blocks(), total_blocks());
  int held = 0;
  for (BlockId block = 0; block < total_blocks(); ++block) {
    held += holders(block) > 0;
    PARALLM_CHECK(
        cached_.contains(block) == (holders(block) == 0 && hashed(block)),
        "block {} has {} holders", block, holders(block));
  }
  PARALLM_CHECK(held == held_, "{} held, {} counted", held, held_);
  for (const BlockId block : free_) {
    PARALLM_CHECK(
        holders(block) == 0 && !hashed(block), "block {} is not free", block);
  }
}

} // namespace parallm
