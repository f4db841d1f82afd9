#include "kernels/zero_pages.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <new>
#include <optional>

#include "tests/support/arrays.h"

namespace parallm {
namespace {

using namespace test;

constexpr size_t kLargePage = size_t{2} << 20;
constexpr int kLargeFloats = 3 * kLargePage / sizeof(float) + 5;

TEST(ZeroPages, AreZerosOfTheShapeAndTypeAskedFor) {
  for (const auto type : {mx::float32, mx::bfloat16, mx::int8}) {
    const auto zeros = zero_pages({3, 5, 1001}, type);
    EXPECT_EQ(zeros.shape(), (mx::Shape{3, 5, 1001}));
    EXPECT_EQ(zeros.dtype(), type);
    EXPECT_TRUE(same_bits(zeros, mx::zeros({3, 5, 1001}, type)));
  }
}

TEST(ZeroPages, KeepWhatIsWritten) {
  auto pages = zero_pages({kLargeFloats}, mx::float32);
  float* const numbers = pages.data<float>();
  numbers[0] = 1;
  numbers[kLargeFloats - 1] = 2;
  EXPECT_EQ(mx::sum(pages).item<float>(), 3);
}

TEST(ZeroPages, ThrowWhereTheSystemRefuses) {
  EXPECT_THROW(
      zero_pages({1 << 20, 1 << 20, 1 << 18}, mx::float32), std::bad_alloc);
}

#ifdef __linux__
// Pages that lie in memory; none if there is no such memory at all.
std::optional<size_t> resident(const void* first, size_t bytes) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t inside = reinterpret_cast<uintptr_t>(first) % page;
  const auto* const begin = static_cast<const char*>(first) - inside;
  std::vector<unsigned char> pages((inside + bytes + page - 1) / page);
  if (mincore(const_cast<char*>(begin), inside + bytes, pages.data()) != 0) {
    return std::nullopt;
  }
  return std::count_if(
      pages.begin(), pages.end(), [](unsigned char p) { return p & 1; });
}

TEST(ZeroPages, TakeMemoryOnlyWhereTheyAreWritten) {
  auto pages = zero_pages({kLargeFloats}, mx::float32);
  EXPECT_EQ(resident(pages.data<float>(), pages.nbytes()), 0u);
  pages.data<float>()[kLargeFloats / 2] = 1;
  EXPECT_EQ(resident(pages.data<float>(), pages.nbytes()), 1u);
}

TEST(ZeroPages, LiveAsLongAsTheLastArrayThatSharesThem) {
  auto pages = std::make_optional(zero_pages({kLargeFloats}, mx::float32));
  const float* const first = pages->data<float>();
  const size_t bytes = pages->nbytes();
  auto view = std::make_optional(mx::reshape(*pages, {1, kLargeFloats}));
  view->eval();
  pages.reset();
  EXPECT_TRUE(resident(first, bytes));
  view.reset();
  EXPECT_FALSE(resident(first, bytes));
}
#endif

mx::array with_pages(int floats) {
  mx::array out({floats}, mx::float32, nullptr, {});
  allocate_pages(out);
  return out;
}

TEST(AllocatePages, GivesLargePagesThatMlxDoesNotCount) {
  const size_t before = mx::get_active_memory();
  {
    auto out = with_pages(kLargeFloats);
    float* const numbers = out.data<float>();
    EXPECT_EQ(reinterpret_cast<uintptr_t>(numbers) % kLargePage, 0u);
    std::fill_n(numbers, kLargeFloats, 1.0f);
    EXPECT_EQ(mx::get_active_memory(), before);
  }
  EXPECT_EQ(mx::get_active_memory(), before);
}

constexpr int kSmallFloats = 100'001;

#ifdef __linux__
TEST(AllocatePages, PutsSmallArraysSideBySideOnCacheLines) {
  const size_t before = mx::get_active_memory();
  const auto first = with_pages(kSmallFloats),
             second = with_pages(kSmallFloats);
  const auto begin = reinterpret_cast<uintptr_t>(first.data<float>());
  const auto next = reinterpret_cast<uintptr_t>(second.data<float>());
  EXPECT_EQ(begin % 64, 0u);
  EXPECT_EQ(next % 64, 0u);
  EXPECT_GE(next, begin + first.nbytes());
  EXPECT_LT(next, begin + first.nbytes() + 128);
  EXPECT_EQ(mx::get_active_memory(), before);
}
#endif

TEST(AllocatePages, KeepsEachOfManySmallArrays) {
  std::vector<mx::array> arrays;
  for (int i = 0; i < 200; ++i) {
    arrays.push_back(with_pages(kSmallFloats));
    std::fill_n(arrays.back().data<float>(), kSmallFloats, float(i));
  }
  for (int i = 0; i < 200; ++i) {
    const float* const numbers = arrays[i].data<float>();
    EXPECT_EQ(
        std::count(numbers, numbers + kSmallFloats, float(i)), kSmallFloats);
  }
}

#ifdef __linux__
TEST(AllocatePages, KeepsAShelfUntilItsLastArrayGoes) {
  auto first = std::make_optional(with_pages(kSmallFloats));
  auto second = std::make_optional(with_pages(kSmallFloats));
  const float* const begin = first->data<float>();
  first.reset();
  EXPECT_TRUE(resident(begin, kSmallFloats));
  second.reset();
  EXPECT_FALSE(resident(begin, kSmallFloats));
}
#endif

TEST(AllocatePages, LeavesWhatIsSmallToMlx) {
  const size_t before = mx::get_active_memory();
  const auto out = with_pages(1000);
  EXPECT_GE(mx::get_active_memory(), before + out.nbytes());
}

} // namespace
} // namespace parallm
