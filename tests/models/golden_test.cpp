#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "nn/config_json.h"
#include "tests/support/decoder.h"

// Every folder of tests/data/models, and of tests/data/adapters with its
// checkpoint, against what mlx-lm computed from it (tools/make_goldens.py,
// tools/make_adapters.py).
namespace parallm {
namespace {

using namespace test;
namespace fs = std::filesystem;

const fs::path kData = PARALLM_TEST_DATA;

// A folder with goldens and the checkpoint they are of.
struct Case {
  fs::path goldens;
  fs::path checkpoint;
  fs::path adapter; // empty: none
};

std::vector<fs::path> folders_with_goldens(const fs::path& in) {
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(in)) {
    if (fs::exists(entry.path() / "goldens.safetensors")) {
      folders.push_back(entry.path());
    }
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const auto& folder : folders_with_goldens(kData / "models")) {
    all.push_back({folder, folder, ""});
  }
  for (const auto& folder : folders_with_goldens(kData / "adapters")) {
    const auto config = ConfigJson::read(folder / "adapter_config.json");
    all.push_back({folder, kData / config.text("model"), folder});
  }
  return all;
}

class Golden : public testing::TestWithParam<Case> {
 protected:
  static LoadOptions options(std::optional<mx::Dtype> dtype = {}) {
    return {.dtype = dtype, .adapter = GetParam().adapter};
  }
  static std::unique_ptr<Model> load(std::optional<mx::Dtype> dtype = {}) {
    return load_model(GetParam().checkpoint, options(dtype));
  }

  struct Prompt {
    std::vector<int32_t> tokens;
    mx::array logits; // (T, V)
  };

  std::vector<Prompt> prompts() const {
    const auto tensors =
        mx::load_safetensors(
            (GetParam().goldens / "goldens.safetensors").string())
            .first;
    std::vector<Prompt> all;
    for (size_t i = 0; i < tensors.size() / 2; ++i) {
      auto tokens = tensors.at(fmt::format("tokens.{}", i));
      mx::eval(tokens);
      all.push_back(
          {{tokens.data<int32_t>(), tokens.data<int32_t>() + tokens.size()},
           tensors.at(fmt::format("logits.{}", i))});
    }
    return all;
  }
};

TEST_P(Golden, HasTheLogitsOfMlxLm) {
  const auto model = load(mx::float32);
  const auto all = prompts();
  ASSERT_EQ(all.size(), 3u);
  for (const auto& prompt : all) {
    Decoder decoder(*model, 1);
    EXPECT_LT(
        max_difference(decoder.step({{prompt.tokens, 0, 0}}), prompt.logits),
        1e-4f)
        << prompt.tokens.size() << " tokens";
  }
}

// In the checkpoint's own type rounding is coarse, but not wild.
TEST_P(Golden, ComesCloseInItsOwnType) {
  const auto model = load();
  const bool brain = model->shape().dtype == mx::bfloat16;
  for (const auto& prompt : prompts()) {
    Decoder decoder(*model, 1);
    EXPECT_LT(
        max_difference(decoder.step({{prompt.tokens, 0, 0}}), prompt.logits),
        brain ? 0.5f : 0.05f);
  }
}

std::vector<int32_t> part(
    const std::vector<int32_t>& tokens, int begin, int end) {
  return {tokens.begin() + begin, tokens.begin() + end};
}

// Chunks of `chunk` tokens; beside each runs a neighbour.
mx::array chunked(
    const Model& model,
    const std::vector<int32_t>& tokens,
    int chunk,
    const std::vector<int32_t>& neighbour) {
  Decoder decoder(model, 2);
  std::vector<mx::array> logits;
  for (int at = 0; at < static_cast<int>(tokens.size()); at += chunk) {
    const int end = std::min(at + chunk, static_cast<int>(tokens.size()));
    const auto& extra = neighbour[at % neighbour.size()];
    const auto out =
        decoder.step({{{extra}, at, 1}, {part(tokens, at, end), at, 0}});
    logits.push_back(rows(out, 1, 1 + end - at));
  }
  return mx::concatenate(logits, 0);
}

// The prompt among seven others that start elsewhere and differ in length.
mx::array crowded(
    const Model& model,
    const std::vector<int32_t>& tokens,
    const std::vector<int32_t>& neighbour) {
  Decoder decoder(model, 8);
  std::vector<Feed> feeds;
  int before = 0;
  for (int i = 0; i < 8; ++i) {
    feeds.push_back(i == 5 ? Feed{tokens, 0, 5} : Feed{neighbour, i, i});
    before += i < 5 ? static_cast<int>(neighbour.size()) : 0;
  }
  return rows(
      decoder.step(feeds), before, before + static_cast<int>(tokens.size()));
}

TEST_P(Golden, GivesTheSameBitsWholeChunkedSteppedAndCrowded) {
  for (const auto dtype : {std::optional<mx::Dtype>{}, {mx::float32}}) {
    const auto model = load(dtype);
    const auto all = prompts();
    const auto& tokens = all.back().tokens;
    const auto& neighbour = all[1].tokens;
    Decoder decoder(*model, 1);
    const auto whole = decoder.step({{tokens, 0, 0}});
    for (const int chunk : {1, 5, 16}) {
      EXPECT_TRUE(same_bits(chunked(*model, tokens, chunk, neighbour), whole))
          << "chunks of " << chunk;
    }
    EXPECT_TRUE(same_bits(crowded(*model, tokens, neighbour), whole));
  }
}

TEST_P(Golden, NeverMovesItsCacheWithStepsInFlight) {
  const auto model = load();
  Decoder decoder(*model, 1);
  std::vector<const void*> memory;
  for (const auto& pool : decoder.store().newest()) {
    memory.push_back(pool.data<char>());
  }
  auto token = prompts().back().tokens.front();
  for (int i = 0; i < 40; ++i) {
    mx::async_eval(decoder.step({{{token}, i, 0}}));
  }
  auto newest = decoder.store().newest();
  mx::eval(newest);
  for (size_t i = 0; i < memory.size(); ++i) {
    EXPECT_EQ(newest[i].data<char>(), memory[i]);
  }
}

TEST_P(Golden, TellsItsShapeBeforeItIsLoaded) {
  const auto facts = read_model_facts(GetParam().checkpoint, options());
  const auto model = load();
  const auto& shape = model->shape();
  EXPECT_EQ(facts.shape.layers, shape.layers);
  EXPECT_EQ(facts.shape.kv_heads, shape.kv_heads);
  EXPECT_EQ(facts.shape.head_dim, shape.head_dim);
  EXPECT_EQ(facts.shape.vocab, shape.vocab);
  EXPECT_EQ(facts.shape.max_positions, shape.max_positions);
  EXPECT_EQ(facts.shape.dtype, shape.dtype);
  EXPECT_EQ(facts.end_tokens, std::vector<TokenId>{2});
}

INSTANTIATE_TEST_SUITE_P(
    Models, Golden, testing::ValuesIn(cases()), [](const auto& info) {
      std::string name = info.param.goldens.filename().string();
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

} // namespace
} // namespace parallm
