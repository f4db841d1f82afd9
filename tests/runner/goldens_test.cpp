#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mlx/mlx.h>

#include <boost/json.hpp>
#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>
#include <unordered_map>

#include "runner/load.h"
#include "tests/runner/engine_harness.h"
#include "tests/support/temporary_folder.h"

// A real trained model against the answers of another implementation
// (llama2.c), through the real engine.
namespace parallm {
namespace {

namespace json = boost::json;
namespace mx = mlx::core;

using test::TemporaryFolder;

const std::string kModels = PARALLM_SHARED_DATA "/models/";

std::vector<TokenId> ids_of(const json::value& list) {
  return json::value_to<std::vector<TokenId>>(list);
}

std::string read(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

class Goldens : public testing::Test {
 protected:
  void SetUp() override {
    std::ifstream file(kModels + "stories260k-goldens.json");
    if (!file) {
      GTEST_SKIP() << "needs ../shared/data/models";
    }
    std::stringstream text;
    text << file.rdbuf();
    goldens_ = json::parse(text.str()).as_object();
  }

  const json::array& list(const char* key) {
    return goldens_.at(key).as_array();
  }

  static Answers run(
      std::vector<GenerateRequest> requests,
      int chunk_tokens,
      NumberType kv_dtype = NumberType::kAuto) {
    return run(
        std::move(requests), chunk_tokens,
        RunnerOptions{.path = kModels + "stories260k", .kv_dtype = kv_dtype});
  }

  static Answers run(
      std::vector<GenerateRequest> requests,
      int chunk_tokens,
      const RunnerOptions& wish) {
    const CheckpointSummary summary = inspect_checkpoint(wish);
    EngineOptions options;
    options.limits.max_positions = summary.geometry.max_positions;
    options.limits.max_chunk_tokens = chunk_tokens;
    options.geometry = {summary.geometry.blocks, summary.geometry.block_tokens};
    return EngineHarness(options, load_runner(wish, summary))
        .run(std::move(requests));
  }

  // Asks for the log-probability of each token that is scored.
  std::vector<GenerateRequest> stories() {
    std::vector<GenerateRequest> requests;
    for (const json::value& golden : list("nll")) {
      GenerateRequest request;
      request.id = RequestId{requests.size()};
      request.prompt = ids_of(golden.at("ids"));
      request.prompt.resize(
          static_cast<size_t>(golden.at("scored").as_int64()) + 1);
      request.max_new_tokens = 0;
      request.sampling.prompt_logprobs = 0;
      requests.push_back(request);
    }
    return requests;
  }

  static double surprise(const Answer& answer) {
    double nll = 0;
    for (const TokenLogprobs& token : answer.prompt_logprobs) {
      nll -= token.logprob;
    }
    return nll;
  }

  // The same model, its matrices packed to so many bits.
  void write_packed(const TemporaryFolder& folder, int bits) {
    auto config = json::parse(read(kModels + "stories260k/config.json"));
    config.as_object()["quantization"] =
        json::object{{"group_size", 64}, {"bits", bits}};
    folder.write("config.json", json::serialize(config));
    std::unordered_map<std::string, mx::array> packed;
    for (const auto& [name, tensor] :
         mx::load_safetensors(kModels + "stories260k/model.safetensors")
             .first) {
      if (tensor.ndim() != 2) {
        packed.emplace(name, tensor);
        continue;
      }
      const auto parts = mx::quantize(tensor, 64, bits);
      const auto module = name.substr(0, name.size() - strlen("weight"));
      packed.emplace(name, parts[0]);
      packed.emplace(module + "scales", parts[1]);
      packed.emplace(module + "biases", parts[2]);
    }
    mx::save_safetensors(
        (folder.path() / "model.safetensors").string(), packed);
  }

  // Of all tokens of the stories, the likeliest told with each.
  std::vector<TokenLogprobs> scores(const RunnerOptions& wish) {
    auto requests = stories();
    for (auto& request : requests) {
      request.sampling.prompt_logprobs = 1;
    }
    std::vector<TokenLogprobs> all;
    for (const auto& [who, answer] : run(requests, 100, wish)) {
      all.insert(
          all.end(), answer.prompt_logprobs.begin(),
          answer.prompt_logprobs.end());
    }
    return all;
  }

  // A token, on average.
  double mean_surprise(NumberType kv_dtype) {
    double total = 0;
    for (const auto& [who, answer] : run(stories(), 100, kv_dtype)) {
      total += surprise(answer);
    }
    return total / goldens_.at("nll_tokens").to_number<double>();
  }

  json::object goldens_;
};

TEST_F(Goldens, GreedyAnswersAreEqualInOneBatch) {
  std::vector<GenerateRequest> requests;
  for (const json::value& golden : list("greedy")) {
    GenerateRequest request;
    request.id = RequestId{requests.size()};
    request.prompt = ids_of(golden.at("ids"));
    request.max_new_tokens =
        static_cast<int>(golden.at("greedy_ids").as_array().size());
    request.sampling.temperature = 0;
    requests.push_back(request);
  }
  const Answers answers = run(requests, 512);
  for (size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(
        answers.at({i, 0}).tokens,
        ids_of(list("greedy").at(i).at("greedy_ids")));
  }
}

TEST_F(Goldens, StoriesAreAsLikelyAsTheyShouldBe) {
  const auto requests = stories();
  const Answers answers = run(requests, 100);
  double total = 0;
  for (size_t i = 0; i < requests.size(); ++i) {
    const double nll = surprise(answers.at({i, 0}));
    EXPECT_NEAR(nll, list("nll").at(i).at("nll").as_double(), 1e-3);
    total += nll;
  }
  EXPECT_NEAR(total, goldens_.at("nll_total").as_double(), 1e-2);
}

// Perplexity is the exponential of the mean: half a percent of it.
TEST_F(Goldens, StoriesAreNearlyAsLikelyWithKeysAndValuesOfInt8) {
  const double floats = mean_surprise(NumberType::kBF16);
  const double bytes = mean_surprise(NumberType::kI8);
  RecordProperty("perplexity_bf16", std::to_string(std::exp(floats)));
  RecordProperty("perplexity_int8", std::to_string(std::exp(bytes)));
  EXPECT_NE(bytes, floats);
  EXPECT_NEAR(std::exp(bytes - floats), 1.0, 0.005)
      << std::exp(floats) << " becomes " << std::exp(bytes);
}

// In weights of 8 and of 4 bits.
TEST_F(Goldens, StoriesAreNearlyAsLikelyWithActivationsOfInt8) {
  for (const int bits : {8, 4}) {
    const TemporaryFolder folder;
    write_packed(folder, bits);
    RunnerOptions wish{.path = folder.path(), .exact_activations = true};
    const auto exact = scores(wish);
    wish.exact_activations = false;
    const auto rounded = scores(wish);
    ASSERT_EQ(exact.size(), rounded.size());
    ASSERT_GT(exact.size(), 500u);
    double difference = 0;
    int same = 0;
    for (size_t i = 0; i < exact.size(); ++i) {
      difference += exact[i].logprob - rounded[i].logprob;
      same += exact[i].top[0].id == rounded[i].top[0].id ? 1 : 0;
    }
    const auto count = static_cast<double>(exact.size());
    EXPECT_NE(difference, 0);
    EXPECT_NEAR(std::exp(difference / count), 1.0, 0.005) << bits << " bits";
    EXPECT_GE(same / count, 0.98) << bits << " bits";
    RecordProperty(
        fmt::format("perplexity_ratio_{}_bits", bits),
        std::to_string(std::exp(difference / count)));
    RecordProperty(
        fmt::format("same_choice_{}_bits", bits), std::to_string(same / count));
  }
}

} // namespace
} // namespace parallm
