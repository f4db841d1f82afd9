#include "cache/prefix_index.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "base/hash.h"

namespace parallm {

// Not mix64(salt): in hash_combine a token equal to the salt would cancel it
// out, and the chain would begin anew after that token.
PrefixKey root_key(uint64_t salt) {
  constexpr uint64_t kDomain = 0x70726566697821u; // any odd number will do
  return hash_combine(kDomain, salt);
}

PrefixKey child_key(PrefixKey parent, std::span<const TokenId> tokens) {
  PrefixKey key = parent;
  for (const TokenId token : tokens) {
    key = hash_combine(key, static_cast<uint32_t>(token));
  }
  return key;
}

PrefixIndex::PrefixIndex(int num_blocks, int block_tokens)
    : block_tokens_(static_cast<size_t>(block_tokens)),
      entries_(static_cast<size_t>(num_blocks)),
      tokens_(entries_.size() * block_tokens_),
      buckets_(std::bit_ceil(entries_.size()), kNoBlock) {
}

BlockId PrefixIndex::find(
    PrefixKey key, PrefixKey parent, std::span<const TokenId> tokens) const {
  const BlockId block = block_of(key);
  const bool same = block != kNoBlock && entry(block).parent == parent &&
                    std::ranges::equal(tokens_of(block), tokens);
  return same ? block : kNoBlock;
}

bool PrefixIndex::insert(
    BlockId block,
    PrefixKey key,
    PrefixKey parent,
    std::span<const TokenId> tokens) {
  PARALLM_CHECK(
      !contains(block) && tokens.size() == block_tokens_,
      "block {} with {} tokens", block, tokens.size());
  if (block_of(key) != kNoBlock) {
    return false;
  }
  BlockId& first = bucket(key);
  entries_[static_cast<size_t>(block)] = {key, parent, first, true};
  first = block;
  std::ranges::copy(tokens, tokens_of(block).begin());
  ++size_;
  return true;
}

void PrefixIndex::erase(BlockId block) {
  PARALLM_CHECK(contains(block), "block {} has no key", block);
  Entry& gone = entries_[static_cast<size_t>(block)];
  BlockId* link = &bucket(gone.key);
  while (*link != block) {
    link = &entries_[static_cast<size_t>(*link)].next;
  }
  *link = gone.next;
  gone.used = false;
  --size_;
}

BlockId PrefixIndex::block_of(PrefixKey key) const {
  BlockId block = buckets_[key & (buckets_.size() - 1)];
  while (block != kNoBlock && entry(block).key != key) {
    block = entry(block).next;
  }
  return block;
}

const PrefixIndex::Entry& PrefixIndex::entry(BlockId block) const {
  return entries_.at(static_cast<size_t>(block));
}

std::span<TokenId> PrefixIndex::tokens_of(BlockId block) {
  return std::span(tokens_).subspan(
      static_cast<size_t>(block) * block_tokens_, block_tokens_);
}

std::span<const TokenId> PrefixIndex::tokens_of(BlockId block) const {
  return std::span(tokens_).subspan(
      static_cast<size_t>(block) * block_tokens_, block_tokens_);
}

} // namespace parallm
