#include "nn/checkpoint.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/check.h"
#include "kernels/allocation.h"
#include "nn/linear.h"
#include "tests/support/arrays.h"
#include "tests/support/safetensors_bytes.h"
#include "tests/support/temporary_folder.h"

namespace parallm {
namespace {

using namespace test;

using Tensors = std::unordered_map<std::string, mx::array>;

class CheckpointFolder : public testing::Test {
 protected:
  void save(const std::string& file, const Tensors& tensors) {
    mx::save_safetensors((folder_.path() / file).string(), tensors);
  }

  // The message, with FOLDER for the temporary path; checks the exit code.
  std::string complaint(int exit_code, const std::function<void()>& act) {
    try {
      act();
    } catch (const StartError& error) {
      EXPECT_EQ(error.exit_code, exit_code);
      std::string what = error.what();
      EXPECT_EQ(what.find('\n'), std::string::npos);
      const auto at = what.find(folder_.path().string());
      return at == std::string::npos
                 ? what
                 : what.replace(at, folder_.path().string().size(), "FOLDER");
    }
    return "accepted";
  }

  std::string open_complaint(int exit_code = kExitBadData) {
    return complaint(exit_code, [&] { open(); });
  }

  Checkpoint open(std::optional<mx::Dtype> dtype = std::nullopt) {
    return Checkpoint(folder_.path(), dtype);
  }

  TemporaryFolder folder_;
};

TEST_F(CheckpointFolder, GivesEachTensorOnceAndInTheAskedType) {
  const auto value = random_array({3, 5}, 1, mx::bfloat16);
  save("model.safetensors", {{"a", value}, {"b", value}});
  auto checkpoint = open(mx::float32);
  EXPECT_TRUE(checkpoint.has("a"));
  const auto taken = checkpoint.take("a", {3, 5});
  EXPECT_FALSE(checkpoint.has("a"));
  checkpoint.drop([](const std::string& name) { return name == "b"; });
  checkpoint.finish();
  EXPECT_EQ(taken.dtype(), mx::float32);
  EXPECT_EQ(floats(taken), floats(value));
}

TEST_F(CheckpointFolder, NamesAMissingAMisshapenAndALeftOverTensor) {
  save(
      "model.safetensors",
      {{"a", mx::zeros({9})}, {"i", mx::zeros({2}, mx::int32)}});
  auto checkpoint = open();
  EXPECT_EQ(
      complaint(
          kExitBadData,
          [&] {
            checkpoint.take("b", {2, 3});
          }),
      "FOLDER: tensor b is missing, expected shape (2, 3)");
  EXPECT_EQ(
      complaint(kExitBadData, [&] { checkpoint.finish(); }),
      "FOLDER/model.safetensors: 2 tensors are left over: a, i");
  EXPECT_EQ(
      complaint(kExitBadData, [&] { checkpoint.take("a", {8}); }),
      "FOLDER/model.safetensors: tensor a has shape (9), expected (8)");
  EXPECT_EQ(
      complaint(kExitBadData, [&] { checkpoint.take("i", {2}); }),
      "FOLDER/model.safetensors: tensor i has type I32, expected F32, F16 or "
      "BF16");
}

TEST_F(CheckpointFolder, ListsOnlyTheFirstOfManyLeftOvers) {
  Tensors tensors;
  for (int i = 0; i < 9; ++i) {
    tensors.emplace("t" + std::to_string(i), mx::zeros({1}));
  }
  save("model.safetensors", tensors);
  auto checkpoint = open();
  EXPECT_EQ(
      complaint(kExitBadData, [&] { checkpoint.finish(); }),
      "FOLDER/model.safetensors: 9 tensors are left over: t0, t1, t2, t3, t4, "
      "...");
}

TEST_F(CheckpointFolder, SaysThatThereAreNoWeights) {
  EXPECT_EQ(
      open_complaint(kExitNotFound),
      "FOLDER: holds neither model.safetensors nor "
      "model.safetensors.index.json");
}

TEST_F(CheckpointFolder, SaysThatWeightsOfPyTorchAreNotRead) {
  folder_.write("pytorch_model.bin", "");
  EXPECT_EQ(
      open_complaint(kExitNotFound),
      "FOLDER: holds neither model.safetensors nor "
      "model.safetensors.index.json; PyTorch's .bin files are not read: "
      "transformers' save_pretrained writes them as safetensors");
}

TEST_F(CheckpointFolder, FindsATruncatedFileWhereverItIsCut) {
  save("model.safetensors", {{"a", mx::zeros({16})}});
  const std::string whole = folder_.read("model.safetensors");
  for (size_t size = 0; size < whole.size(); ++size) {
    folder_.write("model.safetensors", whole.substr(0, size));
    ASSERT_TRUE(
        open_complaint().starts_with("FOLDER/model.safetensors: truncated: "))
        << size;
  }
  folder_.write("model.safetensors", whole + "x");
  EXPECT_TRUE(
      open_complaint().starts_with("FOLDER/model.safetensors: corrupt: "));
}

// 4 TiB of nothing, in a sparse file.
TEST_F(CheckpointFolder, WeightsThatFitNoMemoryAreNotABrokenFile) {
  constexpr size_t kBytes = size_t{1} << 42;
  if (can_allocate(kBytes)) {
    GTEST_SKIP() << "this machine grants any amount of memory";
  }
  const auto header = file_with_header(
      R"({"a": {"dtype": "F32", "shape": [1048576, 1048576],
          "data_offsets": [0, 4398046511104]}})");
  folder_.write("model.safetensors", header);
  std::error_code error;
  std::filesystem::resize_file(
      folder_.path() / "model.safetensors", header.size() + kBytes, error);
  if (error) {
    GTEST_SKIP() << "needs a file system with sparse files";
  }
  auto checkpoint = open();
  checkpoint.take("a", {1 << 20, 1 << 20});
  EXPECT_EQ(
      complaint(kExitNoMemory, [&] { checkpoint.finish(); }),
      "FOLDER: not enough memory: the system refuses 4398046511104 bytes for "
      "the weights");
}

TEST_F(CheckpointFolder, TellsHowFarItHasCome) {
  save(
      "model.safetensors",
      {{"a", mx::zeros({16})}, {"b", mx::zeros({4})}, {"c", mx::zeros({9})}});
  std::vector<std::pair<size_t, size_t>> told;
  Checkpoint checkpoint(
      folder_.path(), std::nullopt, std::nullopt,
      [&](size_t read, size_t all) { told.emplace_back(read, all); });
  checkpoint.drop([](const std::string& name) { return name == "c"; });
  checkpoint.take("b", {4});
  checkpoint.put("d", checkpoint.pull("a") + mx::array(1.0f));
  checkpoint.take("d", {16});
  EXPECT_TRUE(told.empty());
  checkpoint.finish();
  EXPECT_EQ(told, (std::vector<std::pair<size_t, size_t>>{{16, 80}, {80, 80}}));
}

TEST_F(CheckpointFolder, CountsWhatIsHeldBeforeItIsRead) {
  save("model.safetensors", {{"a", mx::zeros({16})}, {"b", mx::zeros({8})}});
  auto checkpoint = open(mx::bfloat16);
  const auto a = checkpoint.take("a", {16});
  EXPECT_EQ(checkpoint.held_bytes(), 32u);
  const auto b = checkpoint.take("b", {8});
  EXPECT_EQ(checkpoint.held_bytes(), 48u);
  checkpoint.keep(mx::transpose(a));
  EXPECT_EQ(checkpoint.held_bytes(), 80u);
  const auto wide = checkpoint.keep_instead(b, mx::astype(b, mx::float32));
  EXPECT_EQ(checkpoint.held_bytes(), 96u);
  checkpoint.finish();
  EXPECT_TRUE(wide.is_available());
}

// Of 4 tensors of 4000 bytes that are stacked, and are then the model's.
TEST_F(CheckpointFolder, CountsWhatItTakesToMakeAForm) {
  const auto bytes_at = [&](size_t rest) {
    Tensors tensors;
    for (const char* name : {"a", "b", "c", "d"}) {
      tensors.emplace(name, mx::zeros({10, 100}));
    }
    save("model.safetensors", tensors);
    folder_.write(
        "model.safetensors",
        with_tensors_at(folder_.read("model.safetensors"), rest));
    auto checkpoint = open();
    std::vector<mx::array> parts;
    for (const char* name : {"a", "b", "c", "d"}) {
      parts.push_back(checkpoint.pull(name));
    }
    checkpoint.put("e", mx::stack(parts));
    checkpoint.take("e", {4, 10, 100});
    EXPECT_EQ(checkpoint.held_bytes(), 16000u);
    return checkpoint.making_bytes();
  };
  EXPECT_EQ(bytes_at(0), 0u); // the file's pages
  EXPECT_EQ(bytes_at(1), 16000u);
}

// It cannot lie where its input is.
TEST_F(CheckpointFolder, CountsATransposedCopyBesideItsInput) {
  save("model.safetensors", {{"a", mx::zeros({10, 100})}});
  folder_.write(
      "model.safetensors",
      with_tensors_at(folder_.read("model.safetensors"), 1));
  auto checkpoint = open();
  checkpoint.put("b", mx::transpose(checkpoint.pull("a")));
  checkpoint.take("b", {100, 10});
  EXPECT_EQ(checkpoint.held_bytes(), 4000u);
  EXPECT_EQ(checkpoint.making_bytes(), 4000u);
}

TEST_F(CheckpointFolder, WhatIsDroppedAsZerosMustBeZeros) {
  const auto said_of = [&](const mx::array& value) {
    save("model.safetensors", {{"a", value}});
    auto checkpoint = open();
    checkpoint.drop_zeros("a");
    return complaint(kExitBadData, [&] { checkpoint.finish(); });
  };
  EXPECT_EQ(said_of(mx::zeros({3}, mx::bfloat16)), "accepted");
  EXPECT_EQ(
      said_of(mx::array({0.0f, 0.0f, 1.0f})),
      "FOLDER: tensor a has numbers other than 0, expected none: the model has "
      "no such tensor");
}

TEST_F(CheckpointFolder, WhatIsHeldLiesRowByRow) {
  const auto value = random_array({4, 6}, 1);
  save("model.safetensors", {{"a", value}});
  auto checkpoint = open();
  checkpoint.put("b", mx::slice(checkpoint.pull("a"), {0, 1}, {4, 3}));
  const auto b = checkpoint.take("b", {4, 2});
  checkpoint.finish();
  EXPECT_TRUE(b.flags().row_contiguous);
  EXPECT_EQ(floats(b), floats(mx::slice(value, {0, 1}, {4, 3})));
}

TEST_F(CheckpointFolder, AViewIsNoWeight) {
  save("model.safetensors", {{"a", mx::zeros({4, 6})}});
  auto checkpoint = open();
  checkpoint.keep(mx::transpose(checkpoint.pull("a")));
  EXPECT_THROW(checkpoint.finish(), CheckFailed);
}

TEST_F(CheckpointFolder, ARenamedTensorIsTheSameAndHidesNoOther) {
  const auto value = random_array({3}, 1);
  save("model.safetensors", {{"a", value}, {"b", value}});
  auto checkpoint = open();
  EXPECT_EQ(
      complaint(kExitBadData, [&] { checkpoint.rename("a", "b"); }),
      "FOLDER/model.safetensors: tensor a stands for b, which is there as "
      "well");
  checkpoint.rename("b", "c");
  EXPECT_EQ(
      complaint(kExitBadData, [&] { checkpoint.take("c", {4}); }),
      "FOLDER/model.safetensors: tensor c has shape (3), expected (4)");
}

TEST_F(CheckpointFolder, AFileThatChangesBeforeItIsReadIsRefused) {
  save("model.safetensors", {{"a", mx::zeros({16})}});
  auto checkpoint = open();
  checkpoint.take("a", {16});
  folder_.write("model.safetensors", "other");
  EXPECT_TRUE(complaint(kExitBadData, [&] {
                checkpoint.finish();
              }).ends_with(" was being loaded; start again"));
}

TEST_F(CheckpointFolder, ReadsTheFilesOfAnIndex) {
  save("one.safetensors", {{"a", mx::ones({2})}});
  save("two.safetensors", {{"b", mx::ones({3})}});
  folder_.write(
      "model.safetensors.index.json",
      R"({"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}})");
  auto checkpoint = open();
  checkpoint.take("a", {2});
  checkpoint.take("b", {3});
  checkpoint.finish();
}

TEST_F(CheckpointFolder, ReadsAllFilesOfAModelWithoutAnIndex) {
  save("model-1.safetensors", {{"a", mx::ones({2})}});
  save("model-2.safetensors", {{"b", mx::ones({3})}});
  save("other.safetensors", {{"c", mx::ones({4})}});
  auto checkpoint = open();
  EXPECT_EQ(checkpoint.names(), (std::vector<std::string>{"a", "b"}));
  save("model-3.safetensors", {{"b", mx::ones({3})}});
  EXPECT_EQ(
      open_complaint(),
      "FOLDER/model-3.safetensors: tensor b is also in model-2.safetensors");
  save("model.safetensors", {{"d", mx::ones({1})}});
  EXPECT_EQ(open().names(), std::vector<std::string>{"d"});
}

TEST_F(CheckpointFolder, RefusesAnIndexThatDoesNotFitItsFiles) {
  save("one.safetensors", {{"a", mx::ones({2})}});
  save("two.safetensors", {{"a", mx::ones({2})}, {"b", mx::ones({2})}});
  const std::string index = "model.safetensors.index.json";
  const auto said_of = [&](const std::string& map, int exit_code) {
    folder_.write(index, R"({"weight_map": )" + map + "}");
    return open_complaint(exit_code).substr(7);
  };
  EXPECT_EQ(
      said_of(R"({"a": "gone.safetensors"})", kExitNotFound),
      index + ": the file gone.safetensors is named here but absent");
  EXPECT_EQ(
      said_of(R"({"z": "one.safetensors"})", kExitBadData),
      index + ": weight_map.z is not in one.safetensors");
  EXPECT_EQ(
      said_of(R"({"a": "../one.safetensors"})", kExitBadData),
      index +
          ": weight_map.a is \"../one.safetensors\", expected the name of a "
          "file in the same folder");
  EXPECT_EQ(
      said_of(
          R"({"a": "one.safetensors", "b": "two.safetensors"})", kExitBadData),
      "two.safetensors: tensor a is also in one.safetensors");
}

TEST_F(CheckpointFolder, RefusesAPackedWeightThatDoesNotFit) {
  folder_.write(
      "config.json", R"({"quantization": {"group_size": 32, "bits": 4}})");
  const auto quantization =
      Quantization::read(ConfigJson::read(folder_.path() / "config.json"));
  save(
      "model.safetensors", {{"w.weight", mx::zeros({5, 7}, mx::uint32)},
                            {"w.scales", mx::zeros({5, 2})},
                            {"w.biases", mx::zeros({5, 2})}});
  const auto load = [&](int inputs) {
    auto checkpoint = open();
    Linear(checkpoint, "w", {inputs, 5}, quantization);
  };
  EXPECT_EQ(
      complaint(kExitBadData, [&] { load(64); }),
      "FOLDER/model.safetensors: tensor w.weight has shape (5, 7), expected "
      "(5, 8)");
  EXPECT_EQ(
      complaint(kExitBadData, [&] { load(40); }),
      "config.json: quantization: w has 40 inputs, expected a multiple of the "
      "group size 32");
}

} // namespace
} // namespace parallm
