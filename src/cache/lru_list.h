#pragma once

#include <vector>

#include "base/check.h"
#include "cache/block_id.h"

namespace parallm {

// Blocks in the order in which they were last let go. Every call is O(1) and
// none allocates. Engine thread only.
class LruList {
 public:
  explicit LruList(int num_blocks)
      : links_(static_cast<size_t>(num_blocks) + 1),
        end_(static_cast<BlockId>(num_blocks)) {
    links_.back() = {end_, end_};
  }

  int size() const { return size_; }
  bool contains(BlockId block) const { return at(block).next != kNoBlock; }
  BlockId oldest() const { return at(end_).next; }

  void push_newest(BlockId block) {
    PARALLM_CHECK(!contains(block), "block {} is listed twice", block);
    const BlockId last = at(end_).previous;
    at(block) = {last, end_};
    at(last).next = block;
    at(end_).previous = block;
    ++size_;
  }

  void erase(BlockId block) {
    PARALLM_CHECK(contains(block), "block {} is not listed", block);
    const Link link = at(block);
    at(link.previous).next = link.next;
    at(link.next).previous = link.previous;
    at(block) = {};
    --size_;
  }

 private:
  struct Link {
    BlockId previous = kNoBlock;
    BlockId next = kNoBlock;
  };
  Link& at(BlockId block) { return links_[static_cast<size_t>(block)]; }
  const Link& at(BlockId block) const {
    return links_[static_cast<size_t>(block)];
  }

  std::vector<Link> links_; // by block; the last one closes the ring
  BlockId end_;
  int size_ = 0;
};

} // namespace parallm
