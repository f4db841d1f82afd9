#include "kvstore/kv_store.h"

#include <gtest/gtest.h>

#include "base/check.h"
#include "kvstore/paged_attention.h"
#include "kvstore/slot_states.h"
#include "tests/support/arrays.h"

namespace parallm {
namespace {

using namespace test;

const KvGeometry kGeometry{
    .layers = 2, .blocks = 6, .block_tokens = 3, .kv_heads = 2, .head_dim = 4};

// A pool's rows (blocks * block_tokens, G, D) in the order of slots.
mx::array by_slot(const mx::array& pool) {
  return mx::reshape(
      mx::transpose(pool, {0, 2, 1, 3}),
      {pool.shape(0) * pool.shape(2), pool.shape(1), pool.shape(3)});
}

TEST(KvStore, CountsABlockOverAllLayers) {
  EXPECT_EQ(kv_bytes_per_block(kGeometry), 2u * 2 * 3 * 2 * 4 * 4);
  auto half = kGeometry;
  half.dtype = mx::bfloat16;
  EXPECT_EQ(kv_bytes_per_block(half), 2u * 2 * 3 * 2 * 4 * 2);
  auto small = kGeometry;
  small.dtype = mx::int8; // with a scale of 4 bytes for each head
  EXPECT_EQ(kv_bytes_per_block(small), 2u * 2 * 3 * 2 * (4 + 4));
  KvStore store(small);
  size_t bytes = 0;
  for (const auto& pool : store.newest()) {
    bytes += pool.nbytes();
  }
  EXPECT_EQ(bytes, 6 * kv_bytes_per_block(small));
}

TEST(KvStore, KeepsWhatAnEarlierStepWrote) {
  KvStore store(kGeometry);
  const auto first = random_array({1, 2, 4}, 1);
  const auto second = random_array({1, 2, 4}, 2);
  store.write(1, first, second, ints({17}));
  store.write(1, second, first, ints({4}));
  const auto flat = by_slot(store.keys(1));
  EXPECT_TRUE(same_bits(rows(flat, 17, 18), first));
  EXPECT_TRUE(same_bits(rows(flat, 4, 5), second));
  EXPECT_EQ(max_difference(store.keys(0), mx::zeros({6, 2, 3, 4})), 0);
}

// The broken graph must not come back with the next step.
TEST(KvStore, ForgetsTheWritesOfAFailedStep) {
  KvStore store(kGeometry);
  const auto row = random_array({1, 2, 4}, 1);
  store.write(0, row, row, ints({2}));
  mx::eval(store.newest());
  const void* memory = store.keys(0).data<float>();
  store.write(0, row, row, ints({99})); // outside the pool
  store.forget_pending_writes();
  store.write(0, row, row, ints({3}));
  EXPECT_NO_THROW(mx::eval(store.newest()));
  const auto flat = by_slot(store.keys(0));
  EXPECT_TRUE(same_bits(rows(flat, 2, 3), row));
  EXPECT_TRUE(same_bits(rows(flat, 3, 4), row));
  EXPECT_EQ(store.keys(0).data<float>(), memory);
}

TEST(KvStore, ServesAStepAfterOneThatThrewWhileRunning) {
  KvStore store(kGeometry);
  const auto row = random_array({1, 2, 4}, 1);
  store.write(0, row, row, ints({99}));
  EXPECT_ANY_THROW({
    mx::eval(store.newest());
    mx::synchronize();
  });
  store.forget_pending_writes();
  store.write(0, row, row, ints({5}));
  mx::eval(store.newest());
  EXPECT_TRUE(same_bits(rows(by_slot(store.keys(0)), 5, 6), row));
}

// A launch may fail while an earlier step is on its way: its writes are not to
// be lost with those of the launch.
TEST(KvStore, ReturnsToWritesThatAreStillPending) {
  KvStore store(kGeometry);
  const auto row = random_array({1, 2, 4}, 1);
  store.write(0, row, row, ints({2}));
  const auto before = store.newest();
  store.write(0, row, row, ints({99})); // outside the pool
  store.write(1, row, row, ints({99}));
  store.return_to(before);
  EXPECT_NO_THROW(mx::eval(store.newest()));
  EXPECT_TRUE(same_bits(rows(by_slot(store.keys(0)), 2, 3), row));
}

TEST(KvStore, GoesBackToWhatWasKept) {
  KvStore store(kGeometry);
  const auto row = random_array({1, 2, 4}, 1);
  store.write(0, row, row, ints({2}));
  const auto good = store.newest();
  store.write(0, row, row, ints({99})); // launched before the first has run
  mx::eval(good);
  store.keep(good);
  store.forget_pending_writes();
  const auto now = store.newest();
  for (size_t i = 0; i < good.size(); ++i) {
    EXPECT_EQ(now[i].id(), good[i].id());
  }
}

const KvGeometry kWithStates{
    .layers = 0, .blocks = 6, .states = {3, 40}, .state_slots = 2};

TEST(KvStore, KeepsStatesBesideOrInsteadOfKeysAndValues) {
  EXPECT_EQ(state_bytes(kWithStates), 2u * (3 + 40) * 4);
  EXPECT_EQ(kv_bytes_per_block(kWithStates), 0u);
  KvStore store(kWithStates);
  ASSERT_EQ(store.newest().size(), 2u);
  EXPECT_EQ(store.state(1).shape(), (mx::Shape{2, 40}));
  const auto next = store.state(0) + mx::array(1.0f);
  store.keep_state(0, next);
  EXPECT_EQ(store.newest()[0].id(), next.id());
  EXPECT_EQ(max_difference(store.state(1), mx::zeros({2, 40})), 0);
}

TEST(KvStore, ForgetsTheStatesOfAFailedStepToo) {
  KvStore store(kWithStates);
  const auto good = store.state(0) + mx::array(1.0f);
  store.keep_state(0, good);
  mx::eval(store.newest());
  store.keep_state(0, good + mx::array(1.0f));
  store.forget_pending_writes();
  EXPECT_EQ(store.state(0).id(), good.id());
}

TEST(KvStore, StatesThatFitNoMemoryAreRefused) {
  KvGeometry huge = kWithStates;
  huge.states.assign(100, 1 << 30);
  huge.state_slots = 1 << 20;
  try {
    KvStore{huge};
    FAIL() << "not refused";
  } catch (const StartError& error) {
    EXPECT_EQ(error.exit_code, kExitNoMemory);
    EXPECT_TRUE(std::string(error.what())
                    .ends_with("and the states of 1048576 sequences"))
        << error.what();
  }
}

TEST(SlotStates, LaysOutRowsInOrder) {
  KvStore store(kWithStates);
  const KvRow layout[] = {
      {.begin = 2, .end = 5, .slot = 1}, {.begin = 0, .end = 1, .slot = 0}};
  const SlotStates states(store, layout);
  const auto& rows = states.rows();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].slot, 1);
  EXPECT_EQ(rows[0].first_token, 0);
  EXPECT_EQ(rows[0].tokens, 3);
  EXPECT_FALSE(rows[0].begins);
  EXPECT_EQ(rows[1].slot, 0);
  EXPECT_EQ(rows[1].first_token, 3);
  EXPECT_EQ(rows[1].tokens, 1);
  EXPECT_TRUE(rows[1].begins);
}

TEST(KvStore, PoolsThatFitNoMemoryAreRefusedWithTheNumbers) {
  try {
    KvStore(
        {.layers = 1,
         .blocks = 1 << 20,
         .block_tokens = 1 << 10,
         .kv_heads = 1 << 14,
         .head_dim = 1 << 10});
    FAIL() << "not refused";
  } catch (const StartError& error) {
    EXPECT_EQ(error.exit_code, kExitNoMemory);
    EXPECT_STREQ(
        error.what(),
        "not enough memory: the system refuses 144115188075855872 bytes for "
        "keys and values, 1048576 blocks of 1024 tokens in 1 layers");
  }
}

TEST(KvStore, PlacesThatAreNoInt32AreOurMistake) {
  KvGeometry geometry = kGeometry;
  geometry.blocks = 1 << 21;
  geometry.block_tokens = 1 << 10;
  EXPECT_THROW(KvStore{geometry}, CheckFailed);
}

TEST(PagedAttentionStep, LaysOutRowsInOrder) {
  KvStore store(kGeometry);
  const std::vector<int32_t> a = {4, 1}, b = {0};
  const KvRow layout[] = {{a, 2, 5}, {b, 0, 1}};
  const PagedAttention attention(store, layout);
  EXPECT_EQ(floats(attention.positions()), (std::vector<float>{2, 3, 4, 0}));
  EXPECT_EQ(floats(attention.slots()), (std::vector<float>{14, 3, 4, 0}));
}

TEST(PagedAttentionStep, RefusesRowsThatCannotBe) {
  KvStore store(kGeometry);
  const std::vector<int32_t> good = {0, 1}, bad = {0, 6};
  const auto attend = [&](const KvRow& row) {
    PagedAttention(store, std::span(&row, 1));
  };
  EXPECT_NO_THROW(attend({good, 0, 6}));
  EXPECT_THROW(attend({good, 0, 7}), CheckFailed); // beyond its blocks
  EXPECT_THROW(attend({good, 3, 3}), CheckFailed); // empty
  EXPECT_THROW(attend({good, -1, 3}), CheckFailed);
  EXPECT_THROW(attend({bad, 0, 4}), CheckFailed); // no such block
  EXPECT_THROW(PagedAttention(store, {}), CheckFailed);
}

// A token sees itself and what came before, with scale and window applied.
TEST(PagedAttentionStep, AttendsOverWhatItHasJustWritten) {
  KvStore store(kGeometry);
  const std::vector<int32_t> blocks = {5, 2};
  const auto q = random_array({4, 4, 4}, 1);
  const auto k = random_array({4, 2, 4}, 2), v = random_array({4, 2, 4}, 3);
  const KvRow row{blocks, 0, 4};
  PagedAttention attention(store, std::span(&row, 1));
  const auto out = attention({.layer = 1, .scale = 0.5f, .window = 0}, q, k, v);
  const auto heads_first = [](const mx::array& x) {
    return mx::reshape(
        mx::transpose(x, {1, 0, 2}), {1, x.shape(1), x.shape(0), x.shape(2)});
  };
  const auto expected = mx::fast::scaled_dot_product_attention(
      heads_first(q), heads_first(k), heads_first(v), 0.5f, "causal");
  EXPECT_LT(max_difference(heads_first(out), expected), 1e-5f);
}

} // namespace
} // namespace parallm
