#include "kernels/paged_attention/attend.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "kernels/kernel_pool.h"
#include "kernels/usable_cores.h"
#include "tests/kernels_plain/each_set.h"
#include "tests/kernels_plain/small_floats.h"
#include "tests/support/numbers.h"

namespace parallm {
namespace {

using namespace test;

// Keys or values of some blocks as they are stored, and their numbers.
struct Pool {
  int width;
  std::vector<uint8_t> bytes;  // (blocks, G, block_tokens, row)
  std::vector<double> numbers; // (blocks, G, block_tokens, width)

  PoolRows rows(StoredType type) const {
    return {
        reinterpret_cast<const char*>(bytes.data()), width,
        kv_row_bytes(type, width)};
  }
};

struct Model {
  int heads = 6;
  int kv_heads = 2;
  int width = 20;
  int value_width = 33;
  int block_tokens = 7;
  StoredType type = StoredType::kF32;
  FloatType q_type = FloatType::kF32; // of the results too
  int window = 0;
  float softcap = 0;
  bool has_sinks = false;
};

FloatType float_type_of(StoredType type) {
  return type == StoredType::kF32   ? FloatType::kF32
         : type == StoredType::kF16 ? FloatType::kF16
                                    : FloatType::kBF16;
}

void append_floats(Pool& pool, FloatType type, const float* row) {
  std::vector<uint8_t> bytes(pool.width * float_bytes(type));
  store_row(type, bytes.data(), row, pool.width);
  for (int d = 0; d < pool.width; ++d) {
    uint16_t half = 0;
    std::memcpy(&half, &bytes[d * float_bytes(type)], sizeof(half));
    pool.numbers.push_back(
        type == FloatType::kF32 ? double{row[d]} : number_of(type, half));
  }
  pool.bytes.insert(pool.bytes.end(), bytes.begin(), bytes.end());
}

void append_bytes(Pool& pool, const float* row) {
  const float scale = 1.0f / 40;
  std::vector<uint8_t> bytes(kv_row_bytes(StoredType::kI8, pool.width));
  std::memcpy(bytes.data(), &scale, sizeof(scale));
  for (int d = 0; d < pool.width; ++d) {
    const auto number = static_cast<int8_t>(
        std::clamp(std::nearbyint(row[d] / scale), -127.0f, 127.0f));
    bytes[kKvScaleBytes + d] = static_cast<uint8_t>(number);
    pool.numbers.push_back(double{scale} * number);
  }
  pool.bytes.insert(pool.bytes.end(), bytes.begin(), bytes.end());
}

Pool random_pool(const Model& m, int blocks, int width, uint32_t seed) {
  const int rows = blocks * m.kv_heads * m.block_tokens;
  const auto values = random_floats(static_cast<size_t>(rows) * width, seed);
  Pool pool{width, {}, {}};
  for (int row = 0; row < rows; ++row) {
    const float* first = &values[static_cast<size_t>(row) * width];
    if (m.type == StoredType::kI8) {
      append_bytes(pool, first);
    } else {
      append_floats(pool, float_type_of(m.type), first);
    }
  }
  return pool;
}

// A position of all heads becomes NaN or infinite: its numbers, or their scale.
void poison(const Model& m, int block, int place, float with, Pool& pool) {
  const size_t bytes = kv_row_bytes(m.type, pool.width);
  const std::vector<float> row(pool.width, with);
  for (int g = 0; g < m.kv_heads; ++g) {
    const size_t at = (block * m.kv_heads + g) * m.block_tokens + place;
    uint8_t* to = &pool.bytes[at * bytes];
    if (m.type == StoredType::kI8) {
      std::memcpy(to, &with, sizeof(with));
    } else {
      store_row(float_type_of(m.type), to, row.data(), pool.width);
    }
  }
}

// Rows at begin, middle and beyond the first parts of 256 positions.
std::vector<AttendRow> step_rows() {
  return {{0, 0, 5}, {5, 17, 18}, {6, 298, 301}, {9, 255, 257}};
}
constexpr int kTokens = 11;
constexpr int kLongest = 301;

struct Step {
  Model model;
  int table_width;
  std::vector<int32_t> tables; // (R, table_width), no block twice
  Pool keys;
  Pool values;
  std::vector<float> q; // (T, H, D)
  std::vector<float> sinks;
};

std::vector<uint8_t> stored(FloatType type, const std::vector<float>& numbers) {
  std::vector<uint8_t> bytes(numbers.size() * float_bytes(type));
  store_row(
      type, bytes.data(), numbers.data(), static_cast<int>(numbers.size()));
  return bytes;
}

std::vector<float> loaded(FloatType type, const std::vector<uint8_t>& bytes) {
  const auto count = static_cast<int>(bytes.size() / float_bytes(type));
  std::vector<float> numbers(simd::round_up(count));
  simd::load_row(type, numbers.data(), bytes.data(), count);
  numbers.resize(count);
  return numbers;
}

Step step_of(const Model& m, int rows = 4, int longest = kLongest) {
  const int width = (longest + m.block_tokens - 1) / m.block_tokens;
  std::vector<int32_t> tables(rows * width);
  std::iota(tables.begin(), tables.end(), 0);
  std::shuffle(tables.begin(), tables.end(), std::mt19937(4));
  const int blocks = rows * width;
  return {
      m,
      width,
      std::move(tables),
      random_pool(m, blocks, m.width, 1),
      random_pool(m, blocks, m.value_width, 2),
      loaded(
          m.q_type,
          stored(
              m.q_type,
              random_floats(
                  static_cast<size_t>(kTokens) * m.heads * m.width, 3))),
      random_floats(m.heads, 5)};
}

std::vector<float> run(const Step& s, const std::vector<AttendRow>& rows) {
  const Model& m = s.model;
  const auto q = stored(m.q_type, s.q);
  auto out = stored(
      m.q_type,
      std::vector<float>(
          static_cast<size_t>(kTokens) * m.heads * m.value_width, NAN));
  AttendArgs a;
  a.heads = m.heads;
  a.kv_heads = m.kv_heads;
  a.q = q.data();
  a.q_type = m.q_type;
  a.keys = s.keys.rows(m.type);
  a.values = s.values.rows(m.type);
  a.pool_type = m.type;
  a.block_tokens = m.block_tokens;
  a.rows = rows.data();
  a.row_count = static_cast<int>(rows.size());
  a.tables = s.tables.data();
  a.table_width = s.table_width;
  a.scale = 0.3f;
  a.window = m.window;
  a.softcap = m.softcap;
  a.sinks = m.has_sinks ? s.sinks.data() : nullptr;
  a.out = out.data();
  attend(a);
  return loaded(m.q_type, out);
}

const double* row_at(
    const Step& s, const Pool& pool, int row, int head, int position) {
  const Model& m = s.model;
  const int block = s.tables[row * s.table_width + position / m.block_tokens];
  const int g = head / (m.heads / m.kv_heads);
  const size_t at =
      (static_cast<size_t>(block) * m.kv_heads + g) * m.block_tokens +
      position % m.block_tokens;
  return &pool.numbers[at * pool.width];
}

double score(const Step& s, int row, int head, int token, int position) {
  const Model& m = s.model;
  const double* key = row_at(s, s.keys, row, head, position);
  const float* q =
      &s.q[(static_cast<size_t>(token) * m.heads + head) * m.width];
  double sum = 0;
  for (int d = 0; d < m.width; ++d) {
    sum += q[d] * key[d];
  }
  sum *= 0.3f;
  return m.softcap > 0 ? m.softcap * std::tanh(sum / m.softcap) : sum;
}

// One token's head in float64: (Dv)
std::vector<double> expected(
    const Step& s, int row, int head, int token, int position) {
  const Model& m = s.model;
  const int first = m.window > 0 ? std::max(0, position + 1 - m.window) : 0;
  std::vector<double> mixed(m.value_width);
  double sum = m.has_sinks ? std::exp(s.sinks[head]) : 0;
  for (int at = first; at <= position; ++at) {
    const double weight = std::exp(score(s, row, head, token, at));
    const double* value = row_at(s, s.values, row, head, at);
    sum += weight;
    for (int d = 0; d < m.value_width; ++d) {
      mixed[d] += weight * value[d];
    }
  }
  for (double& number : mixed) {
    number /= sum;
  }
  return mixed;
}

// Weights sum up to 1 and numbers are of the size 1: an error of float32 in
// scores of the size 2, and in sums.
constexpr double kTolerance = 5e-6;

// And of the type of results.
double tolerance(const Model& m, double exact) {
  const bool rounds = m.q_type == FloatType::kBF16;
  return kTolerance + (rounds ? std::abs(exact) * 0x1p-8 : 0);
}

void expect_exact(const std::vector<float>& ours, const Step& s) {
  const Model& m = s.model;
  const auto rows = step_rows();
  for (int r = 0; r < static_cast<int>(rows.size()); ++r) {
    for (int p = rows[r].begin; p < rows[r].end; ++p) {
      const int token = rows[r].first_token + p - rows[r].begin;
      for (int h = 0; h < m.heads; ++h) {
        const auto exact = expected(s, r, h, token, p);
        for (int d = 0; d < m.value_width; ++d) {
          const size_t at =
              (static_cast<size_t>(token) * m.heads + h) * m.value_width + d;
          ASSERT_NEAR(ours[at], exact[d], tolerance(m, exact[d]))
              << "position " << p << " head " << h << " number " << d;
        }
      }
    }
  }
}

std::vector<Model> models() {
  std::vector<Model> all;
  for (const StoredType type :
       {StoredType::kF32, StoredType::kF16, StoredType::kBF16,
        StoredType::kI8}) {
    Model m;
    m.type = type;
    all.push_back(m);
    m.window = 9;
    m.has_sinks = true;
    all.push_back(m);
    m.window = 270;
    m.softcap = 3;
    m.heads = 1;
    m.kv_heads = 1;
    m.width = 64;
    m.value_width = 16;
    m.block_tokens = 16;
    all.push_back(m);
    m.window = 0;
    m.softcap = 0;
    m.heads = m.kv_heads = 5;
    m.value_width = 128;
    all.push_back(m);
    m.window = 9;
    all.push_back(m);
  }
  // What the machine's own products of bfloat16 are for, and so many heads that
  // some are left over when they are taken together.
  for (const StoredType type : {StoredType::kBF16, StoredType::kI8}) {
    Model m;
    m.type = type;
    m.q_type = FloatType::kBF16;
    m.heads = m.kv_heads = 5;
    m.width = 33;
    all.push_back(m);
    m.heads = 14;
    m.kv_heads = 7;
    m.width = m.value_width = 64;
    m.window = 9;
    all.push_back(m);
  }
  return all;
}

TEST(PlainAttend, IsThatOfFloat64AtOddSizes) {
  for (const Model& m : models()) {
    SCOPED_TRACE(
        testing::Message() << "type " << static_cast<int>(m.type) << ", window "
                           << m.window);
    const Step s = step_of(m);
    // One thread takes all heads together, several few at a time.
    for (const int threads : {1, 3}) {
      set_kernel_threads(threads);
      under_each_set([&] { expect_exact(run(s, step_rows()), s); });
    }
  }
  set_kernel_threads(usable_cores());
}

// One thread takes the parts in turn, several take some at a time: 2 take 8 of
// the 11 parts of a row, then the others.
TEST(PlainAttend, HasTheSameBitsOnAnyNumberOfThreads) {
  const std::vector<AttendRow> rows = {{0, 2700, 2703}};
  for (const int kv_heads : {1, 3}) {
    Model m;
    m.heads = 2 * kv_heads;
    m.kv_heads = kv_heads;
    const Step s = step_of(m, 1, 2703);
    set_kernel_threads(1);
    const auto alone = run(s, rows);
    for (const int threads : {2, 3, 8}) {
      set_kernel_threads(threads);
      EXPECT_TRUE(same_bits(run(s, rows), alone)) << threads;
    }
  }
  set_kernel_threads(usable_cores());
}

// Alone a token's tiles have 2 key heads each, among others all 8: there are 8
// parts then.
TEST(PlainAttend, HasTheSameBitsWithAnyNumberOfHeadsTogether) {
  for (Model m : models()) {
    m.heads = 16;
    m.kv_heads = 8;
    m.width = 24;
    m.value_width = 64; // whole words of bfloat16 and int8
    const Step s = step_of(m, 8);
    std::vector<AttendRow> rows;
    for (int i = 0; i < 8; ++i) {
      rows.push_back({i, 290 + i, 291 + i});
    }
    set_kernel_threads(2);
    under_each_set([&] {
      const auto among_others = run(s, rows);
      const auto alone = run(s, {rows[0]});
      ASSERT_TRUE(same_bits(
          {alone.begin(), alone.begin() + 16 * 64},
          {among_others.begin(), among_others.begin() + 16 * 64}));
    });
  }
  set_kernel_threads(usable_cores());
}

// One thread takes all heads of a token together, one head of many tokens.
TEST(PlainAttend, HasTheSameBitsTokenByToken) {
  set_kernel_threads(1);
  for (const Model& m : models()) {
    const Step s = step_of(m);
    under_each_set([&] {
      const auto rows = step_rows();
      const auto together = run(s, rows);
      const size_t token_floats = static_cast<size_t>(m.heads) * m.value_width;
      for (int token = 0; token < 5; ++token) { // of the first row
        const auto alone = run(s, {{token, token, token + 1}});
        const auto first = static_cast<std::ptrdiff_t>(token * token_floats);
        const auto end = first + static_cast<std::ptrdiff_t>(token_floats);
        ASSERT_TRUE(same_bits(
            {alone.begin() + first, alone.begin() + end},
            {together.begin() + first, together.begin() + end}))
            << token;
      }
    });
  }
  set_kernel_threads(usable_cores());
}

Step poisoned(const Step& clean, int position, float with) {
  Step s = clean;
  const Model& m = s.model;
  const int block = s.tables[position / m.block_tokens];
  const int place = position % m.block_tokens;
  poison(m, block, place, with, s.keys);
  poison(m, block, place, with, s.values);
  return s;
}

std::vector<float> token_of(
    const std::vector<float>& out, const Model& m, int token) {
  const auto floats = static_cast<std::ptrdiff_t>(m.heads) * m.value_width;
  return {out.begin() + token * floats, out.begin() + (token + 1) * floats};
}

void expect_hidden(
    const Step& clean, const AttendRow& row, int position, float with) {
  const Model& m = clean.model;
  const auto before = run(clean, {row});
  const auto after = run(poisoned(clean, position, with), {row});
  for (int p = row.begin; p < row.end; ++p) {
    const auto ours = token_of(after, m, p - row.begin);
    if (position <= p && (m.window == 0 || position + m.window > p)) {
      EXPECT_FALSE(std::isfinite(ours[0])) << p << " sees " << position;
    } else {
      EXPECT_TRUE(same_bits(ours, token_of(before, m, p - row.begin)))
          << p << " does not see " << position;
    }
  }
}

TEST(PlainAttend, TakesNothingOfWhatIsNotSeen) {
  for (const Model& m : models()) {
    SCOPED_TRACE(
        testing::Message() << "type " << static_cast<int>(m.type) << ", window "
                           << m.window);
    const Step s = step_of(m, 1);
    under_each_set([&] {
      for (const int position : {247, 255, 256, 257, 260}) {
        for (const float with : {NAN, INFINITY}) {
          expect_hidden(s, {0, 250, 261}, position, with);
          expect_hidden(s, {0, 255, 258}, position, with);
          expect_hidden(s, {0, 256, 257}, position, with);
        }
      }
    });
  }
}

} // namespace
} // namespace parallm
