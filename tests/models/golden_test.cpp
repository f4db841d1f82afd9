#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "nn/config_json.h"
#include "tests/support/decoder.h"
#include "tests/support/safetensors_bytes.h"
#include "tests/support/temporary_folder.h"

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

// For messages.
void PrintTo(const Case& c, std::ostream* out) {
  *out << c.goldens.filename();
}

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

std::vector<Case> models() {
  std::vector<Case> all;
  for (const auto& folder : folders_with_goldens(kData / "models")) {
    all.push_back({folder, folder, ""});
  }
  return all;
}

std::vector<Case> cases() {
  std::vector<Case> all = models();
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
    for (size_t i = 0; tensors.contains(fmt::format("tokens.{}", i)); ++i) {
      auto tokens = tensors.at(fmt::format("tokens.{}", i));
      mx::eval(tokens);
      all.push_back(
          {{tokens.data<int32_t>(), tokens.data<int32_t>() + tokens.size()},
           tensors.at(fmt::format("logits.{}", i))});
    }
    return all;
  }

  // What mlx-lm says after the last prompt, greedy.
  std::vector<int32_t> greedy() const {
    auto tokens = mx::load_safetensors(
                      (GetParam().goldens / "goldens.safetensors").string())
                      .first.at("greedy");
    mx::eval(tokens);
    return {tokens.data<int32_t>(), tokens.data<int32_t>() + tokens.size()};
  }
};

// Those that have a greedy answer.
class GoldenAnswer : public Golden {};

// The largest logit less the smallest.
float range(const mx::array& logits) {
  return (mx::max(logits) - mx::min(logits)).item<float>();
}

TEST_P(Golden, HasTheLogitsOfMlxLm) {
  const auto model = load(mx::float32);
  const auto all = prompts();
  ASSERT_EQ(all.size(), 3u);
  float worst = 0;
  for (const auto& prompt : all) {
    Decoder decoder(*model, 1);
    const float error =
        max_difference(decoder.step({{prompt.tokens, 0, 0}}), prompt.logits) /
        range(prompt.logits);
    EXPECT_LT(error, 2e-5f) << prompt.tokens.size() << " tokens";
    worst = std::max(worst, error);
  }
  RecordProperty("error", fmt::format("{:.3g}", worst)); // for docs/MODELS.md
}

bool has_experts(const ArchSpec& arch) {
  return std::ranges::any_of(arch.layers, [](const LayerSpec& layer) {
    return std::holds_alternative<MoeSpec>(layer.feed_forward);
  });
}

// In the checkpoint's own type rounding is coarse, but not wild; where a router
// is undecided, a token may even visit another expert.
TEST_P(Golden, ComesCloseInItsOwnType) {
  const auto model = load();
  const bool brain = model->shape().dtype == mx::bfloat16;
  const auto prompt = prompts().back();
  Decoder decoder(*model, 1);
  const auto logits = decoder.step({{prompt.tokens, 0, 0}});
  const float width = range(prompt.logits);
  auto mean = mx::mean(mx::abs(logits - prompt.logits));
  EXPECT_LT(mean.item<float>(), (brain ? 0.03f : 0.006f) * width);
  if (!has_experts(read_model_facts(GetParam().checkpoint).arch)) {
    EXPECT_LT(
        max_difference(logits, prompt.logits), (brain ? 0.2f : 0.02f) * width);
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
  const auto model = load();
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

// The prompt is put off halfway, and another sequence takes its place.
TEST_P(Golden, GivesTheSameBitsBegunAnewAfterBeingPutOff) {
  const auto model = load();
  const auto all = prompts();
  const auto& tokens = all.back().tokens;
  Decoder undisturbed(*model, 1), decoder(*model, 1);
  const auto whole = undisturbed.step({{tokens, 0, 0}});
  mx::eval(decoder.step({{part(tokens, 0, 20), 0, 0}}));
  mx::eval(decoder.step({{all[1].tokens, 0, 0}}));
  EXPECT_TRUE(same_bits(decoder.step({{tokens, 0, 0}}), whole));
}

// The prompt in chunks, then token by token, beside another sequence.
TEST_P(GoldenAnswer, GoesOnAsMlxLmDoes) {
  const auto model = load(mx::float32);
  const auto prompt = prompts().back().tokens;
  const auto expected = greedy();
  const int length = static_cast<int>(prompt.size()), chunk = 11;
  Decoder decoder(*model, 2);
  std::vector<int32_t> said, next;
  for (int at = 0; at < length + static_cast<int>(expected.size()) - 1;) {
    const auto feed =
        at < length ? part(prompt, at, std::min(at + chunk, length)) : next;
    const auto neighbour = prompt[static_cast<size_t>(at * 5 % length)];
    const auto logits = decoder.step({{{neighbour}, at % 7, 1}, {feed, at, 0}});
    at += static_cast<int>(feed.size());
    next = {static_cast<int32_t>(
        mx::argmax(rows(logits, logits.shape(0) - 1, logits.shape(0)))
            .item<uint32_t>())};
    if (at >= length) {
      said.push_back(next[0]);
    }
  }
  EXPECT_EQ(said, expected);
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
  EXPECT_EQ(facts.shape.kv_layers, shape.kv_layers);
  EXPECT_EQ(facts.shape.kv_heads, shape.kv_heads);
  EXPECT_EQ(facts.shape.head_dim, shape.head_dim);
  EXPECT_EQ(facts.shape.vocab, shape.vocab);
  EXPECT_EQ(facts.shape.max_positions, shape.max_positions);
  EXPECT_EQ(facts.shape.dtype, shape.dtype);
  EXPECT_EQ(facts.shape.states, shape.states);
  EXPECT_EQ(facts.end_tokens, std::vector<TokenId>{2});
}

// A copy of a folder whose tensors lie at odd places: all of them are copied
// into memory that MLX counts, and none is the file's.
void copy_askew(const fs::path& from, const TemporaryFolder& to) {
  fs::copy(from, to.path());
  for (const auto& entry : fs::directory_iterator(to.path())) {
    if (entry.path().extension() == ".safetensors") {
      const std::string name = entry.path().filename().string();
      to.write(name, with_tensors_at(to.read(name), 1));
    }
  }
}

// Beside the weights a model has constants: a few numbers a layer, and
// frequencies.
constexpr size_t kConstants = 2048;

TEST_P(Golden, HoldsWhatItPlanned) {
  const TemporaryFolder checkpoint, adapter;
  copy_askew(GetParam().checkpoint, checkpoint);
  LoadOptions askew;
  if (!GetParam().adapter.empty()) {
    copy_askew(GetParam().adapter, adapter);
    askew.adapter = adapter.path();
  }
  const auto facts = read_model_facts(checkpoint.path(), askew);
  mx::set_cache_limit(0);
  const size_t before = mx::get_active_memory();
  mx::reset_peak_memory();
  const auto model = load_model(checkpoint.path(), askew);
  const size_t held = mx::get_active_memory() - before;
  const size_t peak = mx::get_peak_memory() - before;
  EXPECT_GE(held, facts.weight_bytes);
  EXPECT_LE(held, facts.weight_bytes + kConstants);
  EXPECT_LE(peak, facts.weight_bytes + facts.making_bytes + kConstants);
}

std::string name_of(const testing::TestParamInfo<Case>& info) {
  std::string name = info.param.goldens.filename().string();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Models, Golden, testing::ValuesIn(cases()), name_of);

INSTANTIATE_TEST_SUITE_P(
    Models, GoldenAnswer, testing::ValuesIn(models()), name_of);

} // namespace
} // namespace parallm
