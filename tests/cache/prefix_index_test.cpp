#include "cache/prefix_index.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "base/check.h"

namespace parallm {
namespace {

using Tokens = std::vector<TokenId>;

TEST(PrefixIndex, FindsOnlyTheSameTokensAfterTheSameParent) {
  PrefixIndex index(4, 2);
  const Tokens tokens{1, 2};
  ASSERT_TRUE(index.insert(3, 99, 7, tokens));
  EXPECT_EQ(index.find(99, 7, tokens), 3);
  EXPECT_EQ(index.find(99, 8, tokens), kNoBlock);
  EXPECT_EQ(index.find(99, 7, Tokens{1, 3}), kNoBlock);
  EXPECT_EQ(index.find(98, 7, tokens), kNoBlock);
}

TEST(PrefixIndex, KeepsTheFirstBlockOfAKey) {
  PrefixIndex index(4, 2);
  EXPECT_TRUE(index.insert(0, 99, 7, Tokens{1, 2}));
  EXPECT_FALSE(index.insert(1, 99, 7, Tokens{1, 2}));
  EXPECT_FALSE(index.contains(1));
  index.erase(0);
  EXPECT_EQ(index.find(99, 7, Tokens{1, 2}), kNoBlock);
  EXPECT_TRUE(index.insert(1, 99, 7, Tokens{1, 2}));
}

// Few keys, so that buckets are shared and emptied from every end.
TEST(PrefixIndex, AgreesWithAMapWhateverComesAndGoes) {
  constexpr int kBlocks = 13;
  PrefixIndex index(kBlocks, 1);
  std::map<PrefixKey, BlockId> expected;
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    const auto block = BlockId(random() % kBlocks);
    const PrefixKey key = (random() % 5) + 16 * (random() % 3);
    if (index.contains(block)) {
      index.erase(block);
      std::erase_if(expected, [&](auto& kept) { return kept.second == block; });
    } else {
      ASSERT_EQ(
          index.insert(block, key, key + 1, Tokens{TokenId(key)}),
          expected.emplace(key, block).second);
    }
    ASSERT_EQ(index.size(), int(expected.size()));
    const auto found = expected.find(key);
    ASSERT_EQ(
        index.find(key, key + 1, Tokens{TokenId(key)}),
        found == expected.end() ? kNoBlock : found->second);
  }
}

TEST(PrefixIndex, RefusesPartOfABlock) {
  PrefixIndex index(4, 2);
  EXPECT_THROW(index.insert(0, 99, 7, Tokens{1}), CheckFailed);
}

// A token equal to the salt once led the chain back to its root.
TEST(PrefixKey, NoTokenLeadsBackToTheRoot) {
  for (uint64_t salt = 0; salt < 200; ++salt) {
    for (TokenId token = 0; token < 200; ++token) {
      EXPECT_NE(child_key(root_key(salt), Tokens{token}), root_key(salt));
    }
  }
}

TEST(PrefixKey, DependsOnSaltOrderAndCut) {
  const PrefixKey root = root_key(0);
  EXPECT_NE(root, root_key(1));
  EXPECT_NE(child_key(root, Tokens{1, 2}), child_key(root, Tokens{2, 1}));
  EXPECT_NE(child_key(root, Tokens{1, 2}), child_key(root, Tokens{1}));
}

} // namespace
} // namespace parallm
