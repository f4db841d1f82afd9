#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cmath>
#include <fstream>
#include <sstream>

#include "runner/load.h"
#include "tests/runner/engine_harness.h"

// A real trained model against the answers of another implementation
// (llama2.c), through the real engine.
namespace parallm {
namespace {

namespace json = boost::json;

const std::string kModels = PARALLM_SHARED_DATA "/models/";

std::vector<TokenId> ids_of(const json::value& list) {
  return json::value_to<std::vector<TokenId>>(list);
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

  Answers run(
      std::vector<GenerateRequest> requests,
      int chunk_tokens,
      NumberType kv_dtype = NumberType::kAuto) {
    const RunnerOptions wish{
        .path = kModels + "stories260k", .kv_dtype = kv_dtype};
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
  EXPECT_NEAR(std::exp(bytes - floats), 1.0, 0.005)
      << std::exp(floats) << " becomes " << std::exp(bytes);
}

} // namespace
} // namespace parallm
