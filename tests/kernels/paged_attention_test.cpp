#include "kernels/paged_attention/paged_attention.h"

#include <gtest/gtest.h>

#include "kernels/kernel_pool.h"
#include "kernels/kv_write/stored_rows.h"
#include "tests/kernels_plain/each_set.h"
#include "tests/support/arrays.h"

namespace parallm {
namespace {

using namespace test;

constexpr int kBlocks = 601;
constexpr int kBlockTokens = 3;
constexpr int kTableBlocks = 200; // of a sequence

struct Case {
  int heads = 6;
  int kv_heads = 2;
  int width = 10;
  int value_width = 10;
  int window = 0;
  float softcap = 0;
  bool sinks = false;
  int values_in_keys = 0;
  mx::Dtype q_type = mx::float32;
  mx::Dtype pool_type = mx::float32;
};

struct Row {
  int begin;
  int end;
  int sequence; // decides its blocks
};

// 600 positions a sequence, in an order of its own; three sequences in all.
std::vector<int32_t> table(int sequence) {
  std::vector<int32_t> blocks;
  for (int i = 0; i < kTableBlocks; ++i) {
    blocks.push_back((5 + 3 * (sequence * kTableBlocks + i)) % kBlocks);
  }
  return blocks;
}

PagedStep step_of(const std::vector<Row>& rows) {
  std::vector<PagedStep::Row> host;
  std::vector<int32_t> tables, positions;
  for (const auto& row : rows) {
    host.push_back({static_cast<int>(positions.size()), row.begin, row.end});
    for (const int block : table(row.sequence)) {
      tables.push_back(block);
    }
    for (int p = row.begin; p < row.end; ++p) {
      positions.push_back(p);
    }
  }
  const int count = static_cast<int>(rows.size());
  return {
      host, mx::reshape(ints(tables), {count, kTableBlocks}), ints(positions)};
}

mx::array pool_of(const Case& c, int width, uint32_t seed) {
  return to_stored(
      random_array({kBlocks, c.kv_heads, kBlockTokens, width}, seed),
      c.pool_type);
}

mx::array keys_of(const Case& c) {
  return pool_of(c, c.width, 2);
}

mx::array values_of(const Case& c) {
  return c.values_in_keys > 0 ? keys_of(c) : pool_of(c, c.value_width, 3);
}

PagedAttentionOptions options(const Case& c) {
  PagedAttentionOptions options{
      .scale = 0.4f,
      .window = c.window,
      .softcap = c.softcap,
      .values_in_keys = c.values_in_keys};
  if (c.sinks) {
    options.sinks = random_array({c.heads}, 4);
  }
  return options;
}

// One head of one token in float64, from plain memory.
class Exact {
 public:
  explicit Exact(const Case& c)
      : c_(c),
        keys_(floats(from_stored(keys_of(c)))),
        values_(floats(from_stored(values_of(c)))),
        sinks_(floats(random_array({c.heads}, 4))) {}

  // Of q (D) of head `head` at position `at` -> (Dv)
  std::vector<double> attend(
      const float* q, int sequence, int at, int head) const {
    const int kv_head = head * c_.kv_heads / c_.heads;
    std::vector<double> sums(value_width());
    double total = c_.sinks ? std::exp(double{sinks_[head]}) : 0;
    for (int p = c_.window > 0 ? std::max(0, at + 1 - c_.window) : 0; p <= at;
         ++p) {
      const size_t row = row_of(sequence, p, kv_head);
      const double weight = std::exp(score(q, &keys_[row * c_.width]));
      const float* value = &values_[row * stride()];
      for (size_t d = 0; d < sums.size(); ++d) {
        sums[d] += weight * value[d];
      }
      total += weight;
    }
    for (auto& sum : sums) {
      sum /= total;
    }
    return sums;
  }

  int value_width() const {
    return c_.values_in_keys > 0 ? c_.values_in_keys : c_.value_width;
  }

 private:
  int stride() const {
    return c_.values_in_keys > 0 ? c_.width : c_.value_width;
  }

  size_t row_of(int sequence, int position, int kv_head) const {
    const size_t block = table(sequence)[position / kBlockTokens];
    return (block * c_.kv_heads + kv_head) * kBlockTokens +
           position % kBlockTokens;
  }

  double score(const float* q, const float* key) const {
    double sum = 0;
    for (int d = 0; d < c_.width; ++d) {
      sum += double{q[d]} * key[d];
    }
    sum *= 0.4f;
    return c_.softcap > 0 ? c_.softcap * std::tanh(sum / c_.softcap) : sum;
  }

  const Case& c_;
  std::vector<float> keys_, values_, sinks_;
};

std::vector<float> exact(
    const Case& c, const mx::array& q, const std::vector<Row>& rows) {
  const Exact exact(c);
  const auto queries = floats(q);
  std::vector<float> results;
  const float* next = queries.data();
  for (const auto& row : rows) {
    for (int at = row.begin; at < row.end; ++at) {
      for (int h = 0; h < c.heads; ++h, next += c.width) {
        for (const double x : exact.attend(next, row.sequence, at, h)) {
          results.push_back(static_cast<float>(x));
        }
      }
    }
  }
  return results;
}

// Within and across the kernel's tiles of 64 and parts of 256 positions.
const std::vector<Row> kRows = {
    {0, 5, 0}, {20, 21, 1}, {7, 19, 2}, {250, 263, 1}, {599, 600, 0}};
constexpr int kTokens = 5 + 1 + 12 + 13 + 1;

// What each model family asks for, and all of it together.
const Case kCases[] = {
    {},
    {.heads = 5, .kv_heads = 1, .width = 17, .value_width = 17},
    {.heads = 3, .kv_heads = 3, .width = 32, .value_width = 32},
    {.window = 1},
    {.width = 16, .value_width = 16, .window = 4},
    {.q_type = mx::bfloat16, .pool_type = mx::bfloat16},
    {.q_type = mx::float32, .pool_type = mx::float16},
    {.q_type = mx::float16, .pool_type = mx::bfloat16},
    {.softcap = 1.5f},
    {.window = 3, .softcap = 0.5f, .q_type = mx::bfloat16},
    {.softcap = 2, .q_type = mx::float16, .pool_type = mx::float16},
    {.sinks = true},
    {.window = 2, .sinks = true, .q_type = mx::bfloat16},
    {.value_width = 7},
    {.width = 33, .value_width = 16},
    {.width = 5, .value_width = 40},
    {.width = 24,
     .value_width = 16,
     .q_type = mx::float16,
     .pool_type = mx::bfloat16},
    {.kv_heads = 1, .width = 19, .values_in_keys = 13},
    {.kv_heads = 1, .width = 40, .values_in_keys = 32},
    {.width = 32, .values_in_keys = 32},
    {.kv_heads = 1,
     .width = 40,
     .values_in_keys = 32,
     .q_type = mx::bfloat16,
     .pool_type = mx::bfloat16},
    {.value_width = 3, .window = 5, .softcap = 1, .sinks = true},
    {.softcap = 1, .sinks = true, .values_in_keys = 9},
    {.heads = 4,
     .width = 64,
     .value_width = 64,
     .q_type = mx::bfloat16,
     .pool_type = mx::bfloat16},
    {.heads = 8,
     .width = 64,
     .value_width = 64,
     .window = 300,
     .q_type = mx::bfloat16,
     .pool_type = mx::bfloat16},
    {.heads = 2,
     .width = 96,
     .value_width = 96,
     .q_type = mx::bfloat16,
     .pool_type = mx::bfloat16},
    {.heads = 6,
     .width = 33,
     .value_width = 128,
     .sinks = true,
     .q_type = mx::bfloat16,
     .pool_type = mx::bfloat16},
    {.heads = 14,
     .width = 32,
     .value_width = 32,
     .window = 70,
     .pool_type = mx::bfloat16},
    {.pool_type = mx::int8},
    {.heads = 8,
     .width = 64,
     .value_width = 64,
     .q_type = mx::bfloat16,
     .pool_type = mx::int8},
    {.heads = 4,
     .width = 17,
     .value_width = 128,
     .window = 40,
     .softcap = 2,
     .sinks = true,
     .q_type = mx::bfloat16,
     .pool_type = mx::int8},
    {.heads = 5,
     .kv_heads = 1,
     .width = 40,
     .values_in_keys = 32,
     .q_type = mx::float16,
     .pool_type = mx::int8},
};

std::string name_of(const Case& c) {
  return ::testing::PrintToString(std::vector<float>{
      float(c.heads), float(c.kv_heads), float(c.width), float(c.value_width),
      float(c.window), c.softcap, float(c.sinks), float(c.values_in_keys)});
}

void expect_exact(const Case& c) {
  const auto q = random_array({kTokens, c.heads, c.width}, 1, c.q_type);
  const auto keys = keys_of(c), values = values_of(c);
  const auto step = step_of(kRows);
  const auto expected = exact(c, q, kRows);
  const auto reference =
      paged_attention_reference(q, keys, values, step, options(c));
  under_each_set([&] {
    const auto result = paged_attention(q, keys, values, step, options(c));
    EXPECT_EQ(result.dtype(), c.q_type);
    EXPECT_EQ(
        result.shape(), (mx::Shape{kTokens, c.heads, Exact(c).value_width()}));
    EXPECT_LT(max_difference(floats(result), expected), 2 * rounding(c.q_type))
        << name_of(c);
    EXPECT_LT(max_difference(result, reference), 8 * rounding(c.q_type))
        << name_of(c);
  });
}

TEST(PagedAttention, AgreesWithFloat64AndMlxAtOddSizes) {
  for (const auto& c : kCases) {
    expect_exact(c);
  }
}

// A sink far above all scores leaves nothing, one far below changes nothing.
TEST(PagedAttention, SurvivesExtremeSinks) {
  const Case c;
  const auto keys = keys_of(c), values = values_of(c);
  const auto q = random_array({kTokens, c.heads, c.width}, 1);
  const auto with = [&](float sink) {
    auto o = options(c);
    o.sinks = mx::full({c.heads}, sink);
    return paged_attention(q, keys, values, step_of(kRows), o);
  };
  EXPECT_LT(max_difference(with(1e4f), mx::zeros_like(q)), 1e-30f);
  EXPECT_TRUE(same_bits(
      with(-1e4f),
      paged_attention(q, keys, values, step_of(kRows), options(c))));
}

// Positions [begin, begin + 20) of a sequence whole, in chunks, token by token,
// and beside others.
void expect_same_bits_in_any_step(const Case& c, int begin) {
  const auto keys = keys_of(c), values = values_of(c);
  const auto q = random_array({20, c.heads, c.width}, 1, c.q_type);
  const auto others = random_array({5, c.heads, c.width}, 9, c.q_type);
  const auto whole = paged_attention(
      q, keys, values, step_of({{begin, begin + 20, 1}}), options(c));
  for (const int chunk : {1, 7}) {
    for (int at = 0; at < 20; at += chunk) {
      const int end = std::min(20, at + chunk);
      const auto packed = mx::concatenate(
          {rows(others, 0, 4), rows(q, at, end), rows(others, 4, 5)}, 0);
      const auto step =
          step_of({{2, 6, 0}, {begin + at, begin + end, 1}, {17, 18, 2}});
      ASSERT_TRUE(same_bits(
          rows(
              paged_attention(packed, keys, values, step, options(c)), 4,
              4 + end - at),
          rows(whole, at, end)))
          << name_of(c) << " chunk " << chunk << " at " << begin + at;
    }
  }
}

TEST(PagedAttention, GivesATokenTheSameBitsInAnyStep) {
  for (const auto& c : kCases) {
    expect_same_bits_in_any_step(c, 0);
    expect_same_bits_in_any_step(c, 580);
  }
  under_each_set([] {
    for (const auto& c : kCases) {
      expect_same_bits_in_any_step(c, 247);
    }
  });
}

// One task or several, a tile divided into its parts or not.
TEST(PagedAttention, GivesTheSameBitsOnAnyNumberOfThreads) {
  for (const auto& c : kCases) {
    const auto keys = keys_of(c), values = values_of(c);
    const auto q = random_array({13, c.heads, c.width}, 1, c.q_type);
    const auto attend = [&](int threads) {
      set_kernel_threads(threads);
      auto out = paged_attention(
          q, keys, values, step_of({{580, 593, 1}}), options(c));
      mx::eval(out);
      return out;
    };
    const auto alone = attend(1);
    for (const int threads : {2, 3, 16}) {
      EXPECT_TRUE(same_bits(attend(threads), alone))
          << name_of(c) << " on " << threads;
    }
  }
  set_kernel_threads(2);
}

// Where in the pool a sequence lies.
TEST(PagedAttention, GivesTheSameBitsOnOtherBlocks) {
  for (const auto& c : kCases) {
    const auto q = random_array({20, c.heads, c.width}, 1, c.q_type);
    const auto keys = keys_of(c), values = values_of(c);
    const auto step = step_of({{247, 267, 1}});
    std::vector<int32_t> places(kBlocks); // block b moves to the place of b + 9
    for (int b = 0; b < kBlocks; ++b) {
      places[b] = (b + kBlocks - 9) % kBlocks;
    }
    const auto moved = [&](const mx::array& pool) {
      return mx::take(pool, ints(places), 0);
    };
    auto other = step;
    other.tables =
        mx::remainder(step.tables + mx::array(9), mx::array(kBlocks));
    EXPECT_TRUE(same_bits(
        paged_attention(q, moved(keys), moved(values), other, options(c)),
        paged_attention(q, keys, values, step, options(c))))
        << name_of(c);
  }
}

// What int8 changes, against float32: each number is off by at most half of
// 1/127 of the largest of its row.
TEST(PagedAttention, StaysNearFloatsWithKeysAndValuesOfInt8) {
  const Case wide{.heads = 8, .width = 64, .value_width = 64};
  auto narrow = wide;
  narrow.pool_type = mx::int8;
  const auto q =
      random_array({kTokens, wide.heads, wide.width}, 1) * mx::array(0.1f);
  const auto attend = [&](const Case& c) {
    return paged_attention(
        q, keys_of(c), values_of(c), step_of(kRows), options(c));
  };
  const auto difference = attend(narrow) - attend(wide);
  const auto rms = [](const mx::array& x) {
    return floats(mx::sqrt(mx::mean(mx::square(x))))[0];
  };
  EXPECT_LT(rms(difference), 0.012f * rms(attend(wide)));
}

TEST(PagedAttention, RefusesPoolsAndSinksThatDoNotFit) {
  const Case c;
  const auto q = random_array({kTokens, c.heads, c.width}, 1);
  const auto attend = [&](const Case& v, const PagedAttentionOptions& o) {
    return paged_attention(q, keys_of(c), values_of(v), step_of(kRows), o);
  };
  EXPECT_NO_THROW(attend(c, options(c)));
  EXPECT_ANY_THROW(attend({.kv_heads = 1}, options(c)));
  EXPECT_ANY_THROW(attend({.pool_type = mx::float16}, options(c)));
  EXPECT_ANY_THROW(attend(c, {.sinks = mx::zeros({c.kv_heads})}));
  EXPECT_ANY_THROW(attend(c, {.values_in_keys = c.width + 1}));
}

TEST(PagedAttention, RefusesQueriesAndTablesThatDoNotFit) {
  const Case c;
  const PagedStep step = step_of(kRows);
  const auto attend = [&](const mx::array& q, const mx::array& tables) {
    return paged_attention(
        q, keys_of(c), values_of(c), {step.rows, tables, step.positions},
        options(c));
  };
  const auto q = random_array({kTokens, c.heads, c.width}, 1);
  EXPECT_NO_THROW(attend(q, step.tables));
  EXPECT_ANY_THROW(attend(rows(q, 1, kTokens), step.tables));
  EXPECT_ANY_THROW(attend(mx::flatten(q, 1, 2), step.tables));
  EXPECT_ANY_THROW(attend(q, mx::flatten(step.tables)));
  EXPECT_ANY_THROW(attend(q, mx::astype(step.tables, mx::int64)));
  const int count = step.tables.shape(0);
  EXPECT_ANY_THROW(attend(q, rows(step.tables, 1, count)));
  EXPECT_ANY_THROW(
      attend(q, mx::slice(step.tables, {0, 0}, {count, 1}))); // too narrow
}

// What lies beyond a token's position may be anything, even not a number.
TEST(PagedAttention, NeverReadsBeyondItsPosition) {
  const Case c;
  const auto clean = keys_of(c);
  const auto row = table(0)[2];
  const auto dirty = mx::scatter(
      clean, ints({row}),
      mx::full({1, 1, c.kv_heads, kBlockTokens, c.width}, NAN), 0);
  const auto q = random_array({1, c.heads, c.width}, 1);
  const auto step = step_of({{5, 6, 0}}); // blocks 0 and 1 of its table
  EXPECT_TRUE(same_bits(
      paged_attention(q, dirty, dirty, step, options(c)),
      paged_attention(q, clean, clean, step, options(c))));
}

} // namespace
} // namespace parallm
