#include "kernels/paged_attention/paged_attention.h"

#include <gtest/gtest.h>

#include "tests/support/arrays.h"

namespace parallm {
namespace {

using namespace test;

constexpr int kBlocks = 23;
constexpr int kBlockTokens = 3;

struct Case {
  int heads = 6;
  int kv_heads = 2;
  int width = 10;
  int window = 0;
  mx::Dtype q_type = mx::float32;
  mx::Dtype pool_type = mx::float32;
};

struct Row {
  int begin;
  int end;
  int sequence; // decides its blocks
};

// Seven blocks a sequence, in an order of its own; three sequences in all.
std::vector<int32_t> table(int sequence) {
  std::vector<int32_t> blocks;
  for (int i = 0; i < 7; ++i) {
    blocks.push_back((5 + 3 * (sequence * 7 + i)) % kBlocks);
  }
  return blocks;
}

PagedStep step_of(const std::vector<Row>& rows) {
  std::vector<PagedStep::Row> host;
  std::vector<int32_t> tables, token_rows, positions;
  for (const auto& row : rows) {
    const int index = static_cast<int>(host.size());
    host.push_back({static_cast<int>(positions.size()), row.begin, row.end});
    for (const int block : table(row.sequence)) {
      tables.push_back(block);
    }
    for (int p = row.begin; p < row.end; ++p) {
      token_rows.push_back(index);
      positions.push_back(p);
    }
  }
  const int count = static_cast<int>(rows.size());
  return {
      host, mx::reshape(ints(tables), {count, 7}), ints(token_rows),
      ints(positions)};
}

mx::array pool(const Case& c, uint32_t seed) {
  return random_array(
      {kBlocks, kBlockTokens, c.kv_heads, c.width}, seed, c.pool_type);
}

PagedAttentionOptions options(const Case& c) {
  return {.scale = 0.4f, .window = c.window};
}

const std::vector<Row> kRows = {{0, 5, 0}, {20, 21, 1}, {7, 19, 2}};
constexpr int kTokens = 5 + 1 + 12;

TEST(PagedAttention, AgreesWithMlxAtOddSizes) {
  const Case cases[] = {
      {},
      {.heads = 5, .kv_heads = 1, .width = 17},
      {.heads = 3, .kv_heads = 3, .width = 32},
      {.window = 1},
      {.width = 16, .window = 4},
      {.q_type = mx::bfloat16, .pool_type = mx::bfloat16},
      {.q_type = mx::float32, .pool_type = mx::float16},
      {.q_type = mx::float16, .pool_type = mx::bfloat16},
  };
  for (const auto& c : cases) {
    const auto q = random_array({kTokens, c.heads, c.width}, 1, c.q_type);
    const auto step = step_of(kRows);
    EXPECT_LT(
        max_difference(
            paged_attention(q, pool(c, 2), pool(c, 3), step, options(c)),
            paged_attention_reference(
                q, pool(c, 2), pool(c, 3), step, options(c))),
        8 * rounding(c.q_type))
        << c.heads << " " << c.width << " " << c.window;
  }
}

// Whole, in chunks, token by token, and beside others.
TEST(PagedAttention, GivesATokenTheSameBitsInAnyStep) {
  for (const int window : {0, 6}) {
    const Case c{.window = window};
    const auto keys = pool(c, 2), values = pool(c, 3);
    const auto q = random_array({20, c.heads, c.width}, 1);
    const auto whole =
        paged_attention(q, keys, values, step_of({{0, 20, 1}}), options(c));
    for (const int chunk : {1, 3, 7}) {
      for (int at = 0; at < 20; at += chunk) {
        const int end = std::min(20, at + chunk);
        const auto others = random_array({5, c.heads, c.width}, 9);
        const auto packed = mx::concatenate(
            {rows(others, 0, 4), rows(q, at, end), rows(others, 4, 5)}, 0);
        const auto step = step_of({{2, 6, 0}, {at, end, 1}, {17, 18, 2}});
        ASSERT_TRUE(same_bits(
            rows(
                paged_attention(packed, keys, values, step, options(c)), 4,
                4 + end - at),
            rows(whole, at, end)))
            << "chunk " << chunk << " at " << at;
      }
    }
  }
}

// What lies beyond a token's position may be anything, even not a number.
TEST(PagedAttention, NeverReadsBeyondItsPosition) {
  const Case c;
  const auto clean = pool(c, 2);
  const auto row = table(0)[2];
  const auto dirty = mx::scatter(
      clean, ints({row}),
      mx::full({1, 1, kBlockTokens, c.kv_heads, c.width}, NAN), 0);
  const auto q = random_array({1, c.heads, c.width}, 1);
  const auto step = step_of({{5, 6, 0}}); // blocks 0 and 1 of its table
  EXPECT_TRUE(same_bits(
      paged_attention(q, dirty, dirty, step, options(c)),
      paged_attention(q, clean, clean, step, options(c))));
}

} // namespace
} // namespace parallm
