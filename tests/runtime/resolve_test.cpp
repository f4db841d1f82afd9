#include "runtime/resolve.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/check.h"

namespace parallm {
namespace {

using testing::HasSubstr;

CheckpointSummary some_checkpoint() {
  return {
      .geometry =
          {.blocks = 100,
           .block_tokens = 16,
           .max_positions = 512,
           .vocab = 300},
      .model_type = "llama",
      .layers = 2,
      .checkpoint_positions = 1024,
      .end_tokens = {2},
      .sampling = {.temperature = 0.6f, .top_k = 20}};
}

ServerConfig tiny_chat() {
  ServerConfig config;
  config.model.path = PARALLM_TEST_DATA "/tiny-chat/";
  return config;
}

TEST(Resolve, AStepNeverHasMoreRowsThanTokens) {
  ServerConfig config = tiny_chat();
  config.engine.max_batch_tokens = 24;
  const auto options = engine_options(config, some_checkpoint());
  EXPECT_EQ(options.limits.max_sequences, 24);
  EXPECT_EQ(options.limits.max_step_tokens, 24);
  EXPECT_EQ(options.limits.max_chunk_tokens, 24);
  EXPECT_EQ(runner_options(config, {}).max_sequences, 24);
}

TEST(Resolve, RowsWithoutATokenEachAreRefused) {
  ServerConfig config = tiny_chat();
  config.engine.max_batch_tokens = 24;
  config.engine.max_batch_size = 25;
  try {
    runner_options(config, {});
    FAIL() << "not refused";
  } catch (const StartError& error) {
    EXPECT_EQ(error.exit_code, kExitConfig);
    EXPECT_THAT(error.what(), HasSubstr("--max-batch-size 25"));
  }
}

TEST(Resolve, ChunksShrinkWithTheWeights) {
  CheckpointSummary checkpoint = some_checkpoint();
  const auto chunk = [&](size_t weight_bytes) {
    checkpoint.memory.weights = weight_bytes;
    return engine_options(tiny_chat(), checkpoint).limits.max_chunk_tokens;
  };
  EXPECT_EQ(chunk(1'000'000), 512);
  EXPECT_EQ(chunk(450'000'000), 100);
  EXPECT_EQ(chunk(5'000'000'000), 32);
}

TEST(Resolve, TheQueueHoldsFourCachesOfPromptsUnlessSaidOtherwise) {
  ServerConfig config = tiny_chat();
  EXPECT_EQ(
      delivery_limits(config, some_checkpoint(), {}).max_queue_tokens,
      4 * 1600);
  config.engine.max_queue_tokens = 7;
  EXPECT_EQ(delivery_limits(config, some_checkpoint(), {}).max_queue_tokens, 7);
}

TEST(Resolve, ThreadsFollowTheMachine) {
  ServerConfig config = tiny_chat();
  EXPECT_EQ(server_options(config, {.cores = 1}).shards, 1);
  EXPECT_EQ(server_options(config, {.cores = 12}).shards, 6);
  EXPECT_EQ(server_options(config, {.cores = 200}).shards, 8);
  EXPECT_EQ(text_threads(config, {.cores = 1}), 1);
  EXPECT_EQ(runner_options(config, {.cores = 12}).kernel_threads, 12);
  config.engine.threads = 5;
  EXPECT_EQ(runner_options(config, {.cores = 12}).kernel_threads, 5);
}

TEST(Resolve, DefaultsComeFromTheCheckpointUnlessSwitchedOff) {
  ServerConfig config = tiny_chat();
  const auto card = model_card(config, some_checkpoint());
  EXPECT_EQ(card.id, "tiny-chat");
  EXPECT_EQ(card.defaults.temperature, 0.6f);
  EXPECT_EQ(card.defaults.top_k, 20);
  EXPECT_EQ(card.defaults.top_p, 1.0f);
  config.model.generation_config = GenerationDefaults::kNone;
  EXPECT_EQ(model_card(config, some_checkpoint()).defaults.temperature, 1.0f);
}

TEST(Resolve, FastNumericsAreRefusedWhereThereAreNone) {
  ServerConfig config = tiny_chat();
  config.engine.numerics = NumericsChoice::kFast;
  try {
    model_card(config, some_checkpoint());
    FAIL() << "not refused";
  } catch (const StartError& error) {
    EXPECT_EQ(error.exit_code, kExitConfig);
    EXPECT_THAT(error.what(), HasSubstr("--numerics fast"));
  }
}

TEST(Resolve, NumericsAreToldAsTheyAre) {
  CheckpointSummary checkpoint = some_checkpoint();
  EXPECT_EQ(model_card(tiny_chat(), checkpoint).numerics, "invariant");
  checkpoint.batch_invariant = false;
  EXPECT_EQ(model_card(tiny_chat(), checkpoint).numerics, "fast");
  ServerConfig config = tiny_chat();
  config.engine.numerics = NumericsChoice::kInvariant;
  EXPECT_THROW(model_card(config, checkpoint), StartError);
}

TEST(Resolve, AnswersMayTakeAnEighthOfTheMemory) {
  const Machine machine{.memory_bytes = int64_t{32} << 30};
  const auto config = tiny_chat();
  const auto limits = delivery_limits(config, some_checkpoint(), machine);
  EXPECT_EQ(limits.max_job_bytes, int64_t{4} << 30);
  EXPECT_EQ(
      api_limits(config, some_checkpoint(), machine).max_job_bytes,
      limits.max_job_bytes);
}

TEST(Resolve, AnAdapterReachesTheRunnerAndTheFingerprint) {
  ServerConfig config = tiny_chat();
  EXPECT_EQ(runner_options(config, {}).adapter, "");
  const auto plain = model_card(config, some_checkpoint());
  config.model.lora_path = PARALLM_TEST_DATA "/adapters/tiny-chat-dora";
  EXPECT_EQ(runner_options(config, {}).adapter, config.model.lora_path);
  const auto adapted = model_card(config, some_checkpoint());
  EXPECT_NE(adapted.system_fingerprint, plain.system_fingerprint);
  EXPECT_EQ(adapted.id, plain.id);
  EXPECT_EQ(plain.adapter, "");
  EXPECT_EQ(adapted.adapter, "tiny-chat-dora");
}

} // namespace
} // namespace parallm
