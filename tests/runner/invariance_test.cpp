#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "models/load.h"
#include "runner/runner.h"
#include "tests/runner/engine_harness.h"
#include "tests/runner/toy_model.h"

// Alone = in a batch of 64 = chunked = after preemption = with a prefix hit:
// token for token, and log-probabilities bit for bit, for each kind of layer.
namespace parallm {
namespace {

using testing::AllOf;
using testing::Each;
using testing::Gt;
using testing::SizeIs;

constexpr int kBlockTokens = 4;
constexpr int kAmple = 4096;   // blocks
constexpr int kLength = 64;    // tokens of an answer
constexpr size_t kAnswers = 9; // of the subjects, with their choices

const std::string kModels = PARALLM_TEST_DATA "/models/";

// A model and the type of its keys and values; without folder the toy.
struct Form {
  std::string name{};
  std::string folder{};
  std::optional<mx::Dtype> kv{}; // none: that of the hidden states

  bool is_there() const {
    return folder.empty() || std::filesystem::exists(folder);
  }
  std::unique_ptr<Model> load() const {
    return folder.empty() ? std::make_unique<ToyModel>() : load_model(folder);
  }
};

std::vector<Form> forms() {
  return {
      {"Toy"},
      {"Stories", PARALLM_SHARED_DATA "/models/stories260k"},
      {"FourBitsWithNarrowCache", kModels + "llama-4bit", mx::bfloat16},
      {"CacheOfInt8", kModels + "llama-4bit", mx::int8},
      {"LatentAttentionInInt8", kModels + "deepseek_v3", mx::int8},
      {"EightBitsTied", kModels + "llama-8bit-tied"},
      {"FloatWithHalfCache", kModels + "llama-f32", mx::float16},
      {"SoftCapsAndWindows", kModels + "gemma2-window"},
      {"SinksAndPackedExperts", kModels + "gpt_oss-mxfp4"},
      {"LatentAttention", kModels + "deepseek_v3"},
      {"Experts", kModels + "qwen3_moe"},
      {"ShortConvolutions", kModels + "lfm2"},
      {"StatesOnly", kModels + "mamba2"},
      {"DeltasAndExperts", kModels + "qwen3_next"},
      {"ScansAndExperts", kModels + "nemotron_h-moe"}};
}

// The sampling of the subject with this number: something of everything.
SamplingParams subject_sampling(uint64_t number) {
  SamplingParams params{.temperature = 0.9f, .seed = 100 + number};
  params.logprobs = 4;
  params.prompt_logprobs = 2;
  switch (number % 6) {
    case 0:
      params.temperature = 0;
      break;
    case 1:
      params.top_p = 0.8f;
      params.logprobs_mode = LogprobsMode::kProcessed;
      break;
    case 2:
      params.top_k = 12;
      params.repetition_penalty = 1.3f;
      break;
    case 3:
      params.min_p = 0.02f;
      params.frequency_penalty = 0.4f;
      params.presence_penalty = 0.2f;
      break;
    case 4:
      params.bad_words = {{7}, {3, 4}, {5, 5, 5}};
      params.logit_bias = {{4, 3.0f}, {5, 4.0f}, {3, 2.0f}};
      break;
    default:
      params.temperature = 1.3f;
  }
  return params;
}

GenerateRequest request(
    uint64_t id, std::vector<TokenId> prompt, SamplingParams sampling) {
  GenerateRequest request;
  request.id = RequestId{id};
  request.prompt = std::move(prompt);
  request.max_new_tokens = kLength;
  request.sampling = std::move(sampling);
  request.cache_salt = id; // prefixes are shared where a test wants it
  return request;
}

class Prompts {
 public:
  explicit Prompts(uint32_t seed) : engine_(seed) {}
  int below(int bound) {
    return static_cast<int>(engine_() % static_cast<uint32_t>(bound));
  }
  std::vector<TokenId> prompt(int tokens) {
    std::vector<TokenId> prompt;
    for (int i = 0; i < tokens; ++i) {
      prompt.push_back(below(ToyModel::kVocab));
    }
    return prompt;
  }

 private:
  std::mt19937 engine_;
};

std::vector<GenerateRequest> subjects() {
  Prompts prompts(1);
  std::vector<GenerateRequest> all;
  for (uint64_t number = 0; number < 6; ++number) {
    all.push_back(request(
        number + 1, prompts.prompt(1 + prompts.below(40)),
        subject_sampling(number)));
  }
  all[2].choices = 2;
  all[5].choices = 3;
  return all;
}

// Others with any sampling, of any length; every third stays to the end.
std::vector<GenerateRequest> neighbours(int count) {
  Prompts prompts(2);
  std::vector<GenerateRequest> all;
  for (int i = 0; i < count; ++i) {
    const auto id = static_cast<uint64_t>(1000 + i);
    SamplingParams params =
        subject_sampling(static_cast<uint64_t>(prompts.below(6)));
    params.seed = static_cast<uint64_t>(i);
    params.logprobs = prompts.below(8) - 1;
    params.prompt_logprobs = prompts.below(3) - 1;
    params.logprobs_mode = static_cast<LogprobsMode>(prompts.below(2));
    all.push_back(request(id, prompts.prompt(1 + prompts.below(60)), params));
    all.back().max_new_tokens =
        i % 3 == 0 ? kLength : 1 + prompts.below(kLength / 4);
  }
  return all;
}

void expect_equal(
    const std::vector<TokenLogprobs>& a, const std::vector<TokenLogprobs>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(a[i].logprob, b[i].logprob) << "token " << i;
    ASSERT_EQ(a[i].rank, b[i].rank);
    ASSERT_EQ(a[i].top.size(), b[i].top.size());
    for (size_t k = 0; k < a[i].top.size(); ++k) {
      ASSERT_EQ(a[i].top[k].id, b[i].top[k].id);
      ASSERT_EQ(a[i].top[k].logprob, b[i].top[k].logprob);
    }
  }
}

class Invariance : public testing::TestWithParam<Form> {
 protected:
  void SetUp() override {
    if (!GetParam().is_there()) {
      GTEST_SKIP() << "needs ../shared/data/models/stories260k";
    }
    static std::map<std::string, Answers> known;
    Answers& mine = known[GetParam().name];
    if (mine.empty()) {
      mine = alone();
    }
    expected_ = mine;
  }

  EngineHarness harness(EngineOptions options) {
    auto model = GetParam().load();
    const ModelShape shape = model->shape();
    has_states_ = options.limits.has_states = !shape.states.empty();
    return EngineHarness(
        options, std::make_unique<Runner>(
                     std::move(model),
                     KvGeometry{
                         .layers = shape.kv_layers,
                         .blocks = options.geometry.num_blocks,
                         .block_tokens = options.geometry.block_tokens,
                         .kv_heads = shape.kv_heads,
                         .head_dim = shape.head_dim,
                         .latent = shape.latent,
                         .dtype = GetParam().kv.value_or(shape.dtype),
                         .states = shape.states,
                         .state_slots = options.limits.max_sequences}));
  }

  static EngineOptions ample() {
    EngineOptions options;
    options.limits.max_positions = 256;
    options.geometry = {kAmple, kBlockTokens};
    return options;
  }

  Answers alone() {
    Answers all;
    for (const GenerateRequest& subject : subjects()) {
      all.merge(harness(ample()).run({subject}));
    }
    return all;
  }

  void expect_same(const Answers& got) {
    ASSERT_EQ(expected_.size(), kAnswers);
    for (const auto& [who, answer] : expected_) {
      SCOPED_TRACE(fmt::format("request {} choice {}", who.first, who.second));
      const Answer& other = got.at(who);
      ASSERT_EQ(other.error, "");
      ASSERT_EQ(answer.tokens.size(), static_cast<size_t>(kLength));
      ASSERT_EQ(answer.tokens, other.tokens);
      expect_equal(answer.logprobs, other.logprobs);
      expect_equal(answer.prompt_logprobs, other.prompt_logprobs);
    }
  }

  // Subjects between neighbours.
  static std::vector<GenerateRequest> crowd(int others) {
    auto all = neighbours(others);
    auto mine = subjects();
    for (size_t i = 0; i < mine.size(); ++i) {
      all.insert(
          all.begin() + static_cast<long>(i * all.size() / mine.size()),
          std::move(mine[i]));
    }
    return all;
  }

  Answers expected_;
  bool has_states_ = false;
};

TEST_P(Invariance, InABatchOf64) {
  expect_same(harness(ample()).run(crowd(58)));
}

TEST_P(Invariance, OneStepAtATime) {
  EngineOptions options = ample();
  options.max_in_flight = 1;
  expect_same(harness(options).run(crowd(5)));
}

TEST_P(Invariance, InChunks) {
  EngineOptions options = ample();
  options.limits.max_step_tokens = 17;
  options.limits.max_chunk_tokens = 5;
  expect_same(harness(options).run(crowd(10)));
}

TEST_P(Invariance, AfterPreemption) {
  EngineOptions options = ample();
  options.geometry.num_blocks = 60;
  options.limits.watermark_percent = 0;
  EngineHarness engine = harness(options);
  const Answers answers = engine.run(crowd(10));
  EXPECT_GT(engine.status().preemptions, 5u);
  expect_same(answers);
}

// The pool holds all prompts, but not all answers.
TEST_P(Invariance, PreemptedWhileGenerating) {
  EngineOptions options = ample();
  options.geometry.num_blocks = 130;
  options.limits.prefix_cache = false;
  options.limits.watermark_percent = 0;
  EngineHarness engine = harness(options);
  const Answers answers = engine.run(subjects());
  EXPECT_THAT(
      engine.tokens_at_preemption(), AllOf(SizeIs(kAnswers), Each(Gt(10u))));
  expect_same(answers);
}

TEST_P(Invariance, WithAPrefixHit) {
  EngineHarness engine = harness(ample());
  engine.run(crowd(5));
  auto again = subjects();
  for (GenerateRequest& subject : again) {
    subject.sampling.prompt_logprobs = -1; // they cost the prefix its use
  }
  Answers answers = engine.run(again);
  EXPECT_EQ(engine.status().prefix_hits > 0, !has_states_);
  for (auto& [who, answer] : expected_) {
    answers.at(who).prompt_logprobs = answer.prompt_logprobs;
  }
  expect_same(answers);
}

INSTANTIATE_TEST_SUITE_P(
    Models, Invariance, testing::ValuesIn(forms()), [](const auto& form) {
      return form.param.name;
    });

} // namespace
} // namespace parallm
