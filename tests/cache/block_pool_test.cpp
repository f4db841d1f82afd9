#include "cache/block_pool.h"

#include <gtest/gtest.h>

#include <random>

#include "base/check.h"
#include "cache/block_list.h"

namespace parallm {
namespace {

using Tokens = std::vector<TokenId>;

BlockList blocks_of(BlockPool& pool, int tokens) {
  BlockList list(pool);
  EXPECT_TRUE(list.reserve(tokens));
  return list;
}

// Gives block `i` of the list the key `key`.
void hash(BlockPool& pool, const BlockList& list, int i, PrefixKey key) {
  pool.hash(list.ids()[size_t(i)], key, 0, Tokens{1, 2});
}

TEST(BlockPool, CountsFreeCachedAndHeld) {
  BlockPool pool({.num_blocks = 5, .block_tokens = 2});
  {
    BlockList list = blocks_of(pool, 5);
    EXPECT_EQ(list.size(), 3);
    hash(pool, list, 0, 11);
    EXPECT_EQ(pool.held_blocks(), 3);
    EXPECT_EQ(pool.free_blocks(), 2);
  }
  EXPECT_EQ(pool.held_blocks(), 0);
  EXPECT_EQ(pool.cached_blocks(), 1);
  EXPECT_EQ(pool.free_blocks(), 4);
  pool.check_books();
}

TEST(BlockPool, TakesNothingIfItCannotSpareAll) {
  BlockPool pool({.num_blocks = 3, .block_tokens = 2});
  BlockList first = blocks_of(pool, 4);
  BlockList second(pool);
  EXPECT_FALSE(second.reserve(4));
  EXPECT_EQ(second.size(), 0);
  EXPECT_EQ(pool.available_blocks(), 1);
}

TEST(BlockPool, EvictsOnlyWhenNothingIsFreeAndTheEndOfAPrefixFirst) {
  BlockPool pool({.num_blocks = 3, .block_tokens = 2});
  {
    BlockList list = blocks_of(pool, 4);
    hash(pool, list, 0, 11);
    hash(pool, list, 1, 12);
  }
  BlockList one = blocks_of(pool, 2);
  EXPECT_EQ(pool.cached_blocks(), 2) << "the free one goes first";
  BlockList two = blocks_of(pool, 2);
  EXPECT_NE(pool.index().find(11, 0, Tokens{1, 2}), kNoBlock);
  EXPECT_EQ(pool.index().find(12, 0, Tokens{1, 2}), kNoBlock);
}

TEST(BlockPool, AUseMakesACachedBlockTheNewest) {
  BlockPool pool({.num_blocks = 2, .block_tokens = 2});
  {
    BlockList older = blocks_of(pool, 2);
    hash(pool, older, 0, 11);
    BlockList newer = blocks_of(pool, 2);
    hash(pool, newer, 0, 12);
    newer.clear();
    older.clear();
  }
  {
    BlockList reader(pool);
    reader.share(pool.index().find(12, 0, Tokens{1, 2}));
  }
  BlockList taker = blocks_of(pool, 2);
  EXPECT_NE(pool.index().find(12, 0, Tokens{1, 2}), kNoBlock);
  EXPECT_EQ(pool.index().find(11, 0, Tokens{1, 2}), kNoBlock);
}

TEST(BlockPool, ASharedBlockStaysUntilItsLastHolderIsGone) {
  BlockPool pool({.num_blocks = 2, .block_tokens = 2});
  BlockList writer = blocks_of(pool, 2);
  EXPECT_TRUE(pool.writable(writer.ids()[0]));
  hash(pool, writer, 0, 11);
  EXPECT_FALSE(pool.writable(writer.ids()[0]));
  BlockList reader(pool);
  reader.share(writer.ids()[0]);
  writer.clear();
  EXPECT_EQ(pool.cached_blocks(), 0);
  EXPECT_EQ(pool.held_blocks(), 1);
  reader.clear();
  EXPECT_EQ(pool.cached_blocks(), 1);
}

TEST(BlockPool, NobodySharesABlockWhoseContentIsUnknown) {
  BlockPool pool({.num_blocks = 2, .block_tokens = 2});
  BlockList list(pool);
  EXPECT_THROW(list.share(0), CheckFailed);
}

TEST(BlockPool, BooksBalanceAfterRandomTraffic) {
  std::mt19937 rng(1);
  BlockPool pool({.num_blocks = 23, .block_tokens = 2});
  std::vector<BlockList> lists;
  for (int i = 0; i < 6; ++i) {
    lists.emplace_back(pool);
  }
  for (int turn = 0; turn < 20000; ++turn) {
    BlockList& list = lists[rng() % lists.size()];
    const PrefixKey key = rng() % 40;
    switch (rng() % 4) {
      case 0:
        (void)list.reserve(int(rng() % 20));
        break;
      case 1:
        if (list.size() > 0 && !pool.hashed(list.ids().back())) {
          pool.hash(list.ids().back(), key, 0, Tokens{1, 2});
        }
        break;
      case 2:
        if (const auto hit = pool.index().find(key, 0, Tokens{1, 2});
            hit != kNoBlock) {
          list.share(hit);
        }
        break;
      default:
        list.clear();
    }
    pool.check_books();
  }
  lists.clear();
  EXPECT_EQ(pool.held_blocks(), 0);
}

} // namespace
} // namespace parallm
