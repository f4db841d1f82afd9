#include "kernels/sample/logit_row.h"

#include <gtest/gtest.h>

#include "kernels/logprob/logprob_row.h"
#include "kernels/sample/sample_row.h"
#include "tests/support/random_rows.h"

namespace parallm {
namespace {

// Four parts, the last odd.
constexpr int kVocab = 3 * kPartLogits + 77;

TEST(PlainLogitRow, ItsPartsAreTheRow) {
  const std::vector<float> logits(kVocab);
  const LogitRow row{logits.data(), kVocab, 0.5f};
  ASSERT_EQ(row.parts(), 4);
  int first = 0;
  for (int i = 0; i < row.parts(); ++i) {
    const RowPart part = row.part(i);
    EXPECT_EQ(part.first, first);
    EXPECT_EQ(part.logits, logits.data() + first);
    EXPECT_EQ(part.temperature, 0.5f);
    first += part.count;
  }
  EXPECT_EQ(first, kVocab);
  EXPECT_EQ((LogitRow{logits.data(), kPartLogits}.parts()), 1);
}

TEST(PlainLogitRow, TheLargestIsTheFirstOfItsEquals) {
  for (const int at : {0, 5, kPartLogits - 1, kPartLogits, kVocab - 1}) {
    std::vector<float> logits(kVocab, -1.0f);
    logits[at] = logits[kVocab - 1] = 3;
    const LogitRow row{logits.data(), kVocab};
    EXPECT_EQ(extent_of(row).id_of_largest(row), at);
  }
}

struct Heads {
  int32_t id = 0;
  TokenScore score{};
  std::vector<float> processed{}, top_logprobs{};
  std::vector<int32_t> top_ids{};

  bool operator==(const Heads& other) const {
    return id == other.id && score.logprob == other.score.logprob &&
           score.rank == other.score.rank && processed == other.processed &&
           top_logprobs == other.top_logprobs && top_ids == other.top_ids;
  }
};

Heads heads_of(const LogitRow& row, const DrawRow& how) {
  constexpr int kAlternatives = 5;
  Heads heads{
      .processed = std::vector<float>(kVocab),
      .top_logprobs = std::vector<float>(kAlternatives),
      .top_ids = std::vector<int32_t>(kAlternatives)};
  heads.id = draw_row(row, how, heads.processed.data()).id;
  heads.score = score_row(
      row, heads.id, kAlternatives, heads.top_ids.data(),
      heads.top_logprobs.data());
  return heads;
}

TEST(PlainLogitRow, TheSameBitsWithAnyNumberOfThreads) {
  RandomRows random(3);
  KernelPool one(1), two(2), three(3);
  for (int i = 0; i < 40; ++i) {
    const auto logits = random.logits(kVocab, i % 4 == 0);
    const DrawRow how = random.row(kVocab);
    const Heads alone = heads_of({logits.data(), kVocab}, how);
    for (KernelPool* pool : {&one, &two, &three}) {
      const LogitRow row{
          .logits = logits.data(), .vocab = kVocab, .pool = pool};
      ASSERT_TRUE(heads_of(row, how) == alone) << i;
    }
  }
}

TEST(PlainLogitRow, EachRowIsWorkedOnOnce) {
  for (const int threads : {1, 2, 3}) {
    set_kernel_threads(threads);
    for (const int rows : {0, 1, 2, 3, 50}) {
      std::vector<std::atomic<int>> calls(rows);
      for_rows(rows, [&](int row, KernelPool* pool) {
        calls[row].fetch_add(1);
        EXPECT_EQ(pool == nullptr, rows >= threads);
      });
      for (const auto& count : calls) {
        EXPECT_EQ(count.load(), 1);
      }
    }
  }
}

} // namespace
} // namespace parallm
