#include "nn/file_data.h"

#include <gtest/gtest.h>

#include "base/check.h"
#include "tests/support/arrays.h"
#include "tests/support/safetensors_bytes.h"
#include "tests/support/temporary_folder.h"

namespace parallm {
namespace {

using namespace test;

using Tensors = std::unordered_map<std::string, mx::array>;

class FileDataTest : public testing::Test {
 protected:
  // Tensors one behind the other, the first at `rest` modulo 64.
  void save(const Tensors& tensors, size_t rest) {
    mx::save_safetensors(path().string(), tensors);
    folder_.write(
        "t.safetensors", with_tensors_at(folder_.read("t.safetensors"), rest));
    file_ = read_safetensors_header(path());
  }

  std::filesystem::path path() const {
    return folder_.path() / "t.safetensors";
  }

  mx::array open(size_t i, const OnRead& on_read = {}) {
    return std::make_shared<FileData>(file_, on_read)
        ->tensor(file_.tensors.at(i));
  }

  // What a tensor takes of MLX's memory once it is read.
  size_t bytes_taken() {
    mx::set_cache_limit(0);
    const size_t before = mx::get_active_memory();
    auto tensor = open(0);
    mx::eval(tensor);
    return mx::get_active_memory() - before;
  }

  TemporaryFolder folder_;
  TensorFile file_;
};

TEST_F(FileDataTest, GivesTheSameNumbersWhereverTheyLie) {
  for (const auto dtype :
       {mx::float32, mx::float16, mx::bfloat16, mx::uint32, mx::uint8,
        mx::int64, mx::bool_}) {
    const auto numbers =
        mx::astype(mx::reshape(mx::arange(0, 3 * 700), {3, 700}), dtype);
    for (const size_t rest : {0, 1, 2, 4, 8, 63}) {
      save({{"t", numbers}}, rest);
      const auto read = open(0);
      EXPECT_EQ(read.dtype(), dtype);
      EXPECT_TRUE(same_bits(read, numbers)) << rest;
      EXPECT_TRUE(read.flags().row_contiguous);
      EXPECT_FALSE(read.flags().col_contiguous);
    }
  }
}

TEST_F(FileDataTest, TakesNoMemoryWhereNumbersLieAsTheirTypeWants) {
  const auto bytes_at = [&](mx::Dtype dtype, size_t rest) {
    save({{"t", mx::zeros({100}, dtype)}}, rest);
    EXPECT_EQ(takes_memory(open(0)), bytes_taken() > 0);
    return bytes_taken();
  };
  EXPECT_EQ(bytes_at(mx::float32, 4), 0u);
  EXPECT_EQ(bytes_at(mx::float32, 2), 400u);
  EXPECT_EQ(bytes_at(mx::bfloat16, 8), 0u);
  EXPECT_EQ(bytes_at(mx::bfloat16, 1), 200u);
  EXPECT_EQ(bytes_at(mx::int64, 8), 0u);
  EXPECT_EQ(bytes_at(mx::int64, 4), 800u);
  // Bytes that may be looked at as words.
  EXPECT_EQ(bytes_at(mx::uint8, 4), 0u);
  EXPECT_EQ(bytes_at(mx::uint8, 2), 100u);
}

TEST_F(FileDataTest, ATensorWithoutNumbersIsNoTrouble) {
  save({{"t", mx::zeros({0, 5})}}, 0);
  auto tensor = open(0);
  mx::eval(tensor);
  EXPECT_EQ(tensor.shape(), (mx::Shape{0, 5}));
}

TEST_F(FileDataTest, LivesOnWhenTheFileIsGone) {
  const auto numbers = random_array({50, 50}, 1);
  save({{"t", numbers}}, 0);
  auto tensor = open(0);
  mx::eval(tensor);
  std::filesystem::remove(path());
  EXPECT_TRUE(same_bits(tensor, numbers));
}

// MLX computes in place of an input that nobody else needs, if it owns it.
TEST_F(FileDataTest, NothingIsEverWrittenToTheFile) {
  const auto numbers = random_array({100, 100}, 1);
  save({{"t", numbers}}, 0);
  const std::string before = folder_.read("t.safetensors");
  auto changed = mx::negative(mx::exp(open(0)));
  mx::eval(changed);
  EXPECT_TRUE(same_bits(changed, mx::negative(mx::exp(numbers))));
  EXPECT_EQ(folder_.read("t.safetensors"), before);
}

TEST_F(FileDataTest, TensorsDoNotDisturbTheirNeighbours) {
  const auto a = random_array({3000}, 1), b = random_array({3000}, 2);
  save({{"a", a}, {"b", b}}, 0);
  const auto file = std::make_shared<FileData>(file_);
  const bool a_first = file_.tensors[0].name == "a";
  auto second = file->tensor(file_.tensors[1]);
  mx::eval(second);
  {
    auto gone = mx::exp(file->tensor(file_.tensors[0]));
    mx::eval(gone);
  }
  EXPECT_TRUE(same_bits(second, a_first ? b : a));
  EXPECT_TRUE(same_bits(file->tensor(file_.tensors[0]), a_first ? a : b));
}

TEST_F(FileDataTest, TellsWhatItHasRead) {
  for (const size_t rest : {0, 1}) {
    save({{"t", mx::zeros({100, 10})}}, rest);
    size_t bytes = 0;
    auto tensor = open(0, [&](size_t read) { bytes += read; });
    EXPECT_EQ(bytes, 0u);
    mx::eval(tensor);
    EXPECT_EQ(bytes, 4000u);
  }
}

// More than a piece between two reports, and than one reader's share.
TEST_F(FileDataTest, LargeTensorsAreReadInPartsThatFitTogether) {
  const auto numbers =
      mx::reshape(mx::arange(0, 17'000'000, mx::int32), {17'000, 1000});
  for (const size_t rest : {0, 1}) {
    save({{"t", numbers}}, rest);
    size_t reports = 0;
    auto tensor = open(0, [&](size_t) { ++reports; });
    EXPECT_TRUE(same_bits(tensor, numbers));
    EXPECT_EQ(reports, 2u);
  }
}

TEST_F(FileDataTest, AFileThatIsReplacedByOneAsLargeIsRefused) {
  save({{"t", random_array({50, 50}, 1)}}, 0);
  auto tensor = open(0);
  folder_.write("other", folder_.read("t.safetensors"));
  std::filesystem::rename(folder_.path() / "other", path());
  EXPECT_THROW(mx::eval(tensor), StartError);
}

TEST_F(FileDataTest, AFileThatShrinksIsAnErrorThatNamesTheTensor) {
  for (const size_t rest : {0, 1}) {
    save({{"a", mx::zeros({50'000})}, {"b", mx::zeros({50'000})}}, rest);
    const auto file = std::make_shared<FileData>(file_);
    auto first = file->tensor(file_.tensors[0]);
    mx::eval(first);
    std::filesystem::resize_file(path(), 200'300);
    auto second = file->tensor(file_.tensors[1]);
    try {
      mx::eval(second);
      FAIL();
    } catch (const StartError& error) {
      EXPECT_EQ(error.exit_code, kExitBadData);
      EXPECT_EQ(
          std::string(error.what()), path().string() + ": tensor " +
                                         file_.tensors[1].name +
                                         " cannot be read: Input/output error");
    }
  }
}

} // namespace
} // namespace parallm
