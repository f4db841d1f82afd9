#include "runner/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "base/check.h"
#include "nn/step_context.h"
#include "tests/support/temporary_folder.h"

namespace parallm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string kModels = PARALLM_TEST_DATA "/models/";
const std::string kTinyChat = PARALLM_TEST_DATA "/tiny-chat";
const std::string kAdapters = PARALLM_TEST_DATA "/adapters/";

// Feeds one token and draws one, greedily.
RowResult one_step(ModelRunner& runner) {
  StepPlan plan;
  SlotChange open;
  open.prompt_tokens = 1;
  open.history = {3};
  open.sampling.temperature = 0;
  open.sampling.logprobs = 2;
  plan.slots.push_back(open);
  StepRow row;
  row.end = 1;
  row.tokens = {3};
  row.new_blocks = {0};
  row.heads.sample = true;
  plan.rows.push_back(row);
  runner.launch(plan);
  runner.sample(plan);
  return runner.collect().rows.at(0);
}

TEST(InspectCheckpoint, TellsWhatTheRestMustKnow) {
  const CheckpointSummary loaded = inspect_checkpoint({.path = kTinyChat});
  EXPECT_EQ(loaded.model_type, "llama");
  EXPECT_EQ(loaded.quantization, "");
  EXPECT_GT(loaded.parameters, 0u);
  EXPECT_THAT(loaded.end_tokens, ElementsAre(1, 3));
  EXPECT_EQ(loaded.geometry.block_tokens, 16);
  EXPECT_EQ(loaded.geometry.max_positions, 1024);
  EXPECT_EQ(loaded.geometry.blocks, 64 * 1024 / 16);
  EXPECT_GT(loaded.geometry.vocab, 0);
  EXPECT_GT(loaded.memory.weights, 0u);
  EXPECT_GT(loaded.memory.working, 0u);
}

TEST(LoadRunner, TheRunnerRunsInEveryNumberType) {
  using enum NumberType;
  for (NumberType dtype : {kAuto, kF32, kF16, kBF16}) {
    for (NumberType kv_dtype : {kAuto, kF32, kF16, kBF16, kI8}) {
      const RunnerOptions options{
          .path = kTinyChat,
          .dtype = dtype,
          .kv_dtype = kv_dtype,
          .memory = {.blocks = 4}};
      const auto runner = load_runner(options, inspect_checkpoint(options));
      const RowResult result = one_step(*runner);
      ASSERT_EQ(result.error, "");
      ASSERT_EQ(result.accepted.size(), 1u);
      EXPECT_EQ(result.logprobs.at(0).top.at(0).id, result.accepted[0]);
    }
  }
}

TEST(LoadRunner, EveryFamilyRunsWithKeysAndValuesOfInt8) {
  for (const auto& folder : std::filesystem::directory_iterator(kModels)) {
    if (!std::filesystem::exists(folder.path() / "config.json")) {
      continue;
    }
    const RunnerOptions options{
        .path = folder.path(),
        .kv_dtype = NumberType::kI8,
        .memory = {.blocks = 4}};
    const auto runner = load_runner(options, inspect_checkpoint(options));
    const RowResult result = one_step(*runner);
    ASSERT_EQ(result.error, "") << folder.path();
    EXPECT_TRUE(std::isfinite(result.logprobs.at(0).top.at(0).logprob))
        << folder.path();
  }
}

TEST(InspectCheckpoint, StatesArePartOfThePlan) {
  const auto with_sequences = [](int count) {
    return inspect_checkpoint(
        {.path = kModels + "mamba2", .max_sequences = count});
  };
  const auto one = with_sequences(1), three = with_sequences(3);
  EXPECT_TRUE(one.has_states);
  EXPECT_FALSE(inspect_checkpoint({.path = kTinyChat}).has_states);
  // 4 layers: 3 inputs of 60 + 2 * 8 channels, and 5 * 12 * 16.
  EXPECT_EQ(one.memory.states, 4u * (3 * 76 + 960) * sizeof(float));
  EXPECT_EQ(three.memory.states, 3 * one.memory.states);
  EXPECT_EQ(three.memory.kv, 0u);
  EXPECT_EQ(three.geometry.blocks, 3 * three.geometry.max_positions / 16);
}

TEST(LoadRunner, AModelWithStatesRuns) {
  for (const char* folder : {"lfm2", "mamba2"}) {
    const RunnerOptions options{
        .path = kModels + folder, .max_sequences = 2, .memory = {.blocks = 4}};
    const auto runner = load_runner(options, inspect_checkpoint(options));
    EXPECT_EQ(one_step(*runner).error, "");
  }
}

TEST(InspectCheckpoint, AnAdapterIsPartOfThePlan) {
  const auto plain = inspect_checkpoint({.path = kTinyChat});
  const auto adapted = inspect_checkpoint(
      {.path = kTinyChat, .adapter = kAdapters + "tiny-chat-lora"});
  EXPECT_EQ(plain.adapter, "");
  EXPECT_EQ(adapted.adapter, "lora of rank 4 in 7 modules");
  EXPECT_GT(adapted.memory.weights, plain.memory.weights);
  EXPECT_GT(adapted.memory.working, plain.memory.working);
}

// What an adapter of the head adds to the working memory of a step, in floats.
// The model has H D = 72, wider than E = 36 and F = 52, and V = 67.
size_t adapted_floats(int max_sequences, int max_step_tokens) {
  const test::TemporaryFolder folder;
  folder.write(
      "adapter_config.json",
      R"({"lora_parameters": {"rank": 1, "scale": 1.0}})");
  mx::save_safetensors(
      (folder.path() / "adapters.safetensors").string(),
      {{"lm_head.lora_a", mx::zeros({36, 1})},
       {"lm_head.lora_b", mx::zeros({1, 67})}});
  const auto working = [&](const std::string& adapter) {
    return inspect_checkpoint({.path = kModels + "mistral-f32",
                               .adapter = adapter,
                               .max_sequences = max_sequences,
                               .max_step_tokens = max_step_tokens})
        .memory.working;
  };
  return (working(folder.path()) - working("")) / sizeof(float);
}

TEST(InspectCheckpoint, AnAdapterHoldsTwoMoreOfTheWidestArrays) {
  EXPECT_EQ(adapted_floats(1, 1001) - adapted_floats(1, 1000), 2u * 72u);
}

TEST(InspectCheckpoint, AnAdaptedHeadHoldsAThirdArrayOfLogits) {
  EXPECT_EQ(adapted_floats(5, 8) - adapted_floats(4, 8), 67u);
}

// What one token more takes. E = 36, 4 heads and 1 of keys and values of 18.
size_t token_bytes(NumberType dtype) {
  const auto working = [&](int max_step_tokens) {
    return inspect_checkpoint({.path = kModels + "mistral-f32",
                               .dtype = dtype,
                               .max_sequences = 1,
                               .max_step_tokens = max_step_tokens})
        .memory.working;
  };
  return working(1001) - working(1000);
}

TEST(InspectCheckpoint, ATokenTakesWhatAPartMakesOfItInTheModelsType) {
  const size_t numbers = 6 * 36 + 2 * (4 + 1) * 18;
  EXPECT_EQ(token_bytes(NumberType::kF32), 4 * numbers);
  // And the input of a product as float32.
  EXPECT_EQ(token_bytes(NumberType::kBF16), 2 * numbers + size_t{4} * 72);
}

TEST(LoadRunner, TheRunnerKeepsToThePlan) {
  const RunnerOptions options{.path = kTinyChat, .memory = {.blocks = 4}};
  const auto summary = inspect_checkpoint(options);
  const auto runner = load_runner(options, summary);
  EXPECT_EQ(
      mx::get_memory_limit(), mx::get_active_memory() + summary.memory.working);
  ASSERT_EQ(one_step(*runner).error, "");
  EXPECT_EQ(mx::get_cache_memory(), 0u);
}

TEST(LoadRunner, AnAdapterChangesWhatTheRunnerSays) {
  const auto logprob = [](const std::string& adapter) {
    const RunnerOptions options{
        .path = kTinyChat, .adapter = adapter, .memory = {.blocks = 4}};
    const auto runner = load_runner(options, inspect_checkpoint(options));
    return one_step(*runner).logprobs.at(0).top.at(0).logprob;
  };
  EXPECT_NE(logprob(kAdapters + "tiny-chat-dora"), logprob(""));
}

TEST(InspectCheckpoint, KeysAndValuesTakeTheirAskedType) {
  const auto bytes = [](NumberType type) {
    return inspect_checkpoint(
               {.path = kTinyChat, .kv_dtype = type, .memory = {.blocks = 8}})
        .memory.kv;
  };
  EXPECT_EQ(bytes(NumberType::kAuto), bytes(NumberType::kF32));
  EXPECT_EQ(bytes(NumberType::kF32), 2 * bytes(NumberType::kBF16));
  EXPECT_LT(bytes(NumberType::kI8), bytes(NumberType::kBF16));
}

TEST(InspectCheckpoint, AnAskedLengthIsKept) {
  const auto positions = [](RunnerOptions options) {
    options.path = kTinyChat;
    return inspect_checkpoint(options).geometry.max_positions;
  };
  EXPECT_EQ(positions({.max_positions = 100}), 100);
  EXPECT_EQ(positions({.max_positions = 1024}), 1024);
  EXPECT_EQ(positions({.memory = {.blocks = 3}}), 48);
}

// The exit code and the message.
std::pair<int, std::string> refusal(const RunnerOptions& options) {
  try {
    inspect_checkpoint(options);
    return {0, "not refused"};
  } catch (const StartError& error) {
    return {error.exit_code, error.what()};
  }
}

TEST(InspectCheckpoint, ALengthTheModelWasNotMadeForIsRefused) {
  const auto [exit_code, what] =
      refusal({.path = kTinyChat, .max_positions = 1025});
  EXPECT_EQ(exit_code, kExitConfig);
  EXPECT_EQ(
      what, "--max-model-len 1025: " + kTinyChat +
                "/config.json allows at most 1024 (max_position_embeddings)");
}

TEST(InspectCheckpoint, ADeviceThatIsNotThereIsUnavailable) {
  if (mx::is_available(mx::Device::gpu)) {
    GTEST_SKIP() << "needs a machine without Metal";
  }
  const auto [exit_code, what] =
      refusal({.path = kTinyChat, .device = DeviceKind::kMetal});
  EXPECT_EQ(exit_code, kExitUnavailable);
  EXPECT_THAT(what, HasSubstr("--device metal"));
}

TEST(InspectCheckpoint, SetsMemoryForAnswersAside) {
  const size_t much = size_t{1} << 50;
  const auto [exit_code, what] =
      refusal({.path = kTinyChat, .answer_bytes = much});
  EXPECT_EQ(exit_code, kExitNoMemory);
  EXPECT_THAT(what, HasSubstr("answers 1073741824.0 MiB"));
  EXPECT_EQ(
      inspect_checkpoint({.path = kTinyChat, .answer_bytes = 5}).memory.answers,
      5u);
}

TEST(LoadRunner, AutoIsTheCpuEvenWhereThereIsMetal) {
  const RunnerOptions options{.path = kTinyChat, .memory = {.blocks = 4}};
  const CheckpointSummary summary = inspect_checkpoint(options);
  EXPECT_TRUE(summary.batch_invariant);
  if (!mx::is_available(mx::Device::gpu)) {
    GTEST_SKIP() << "the rest needs Metal";
  }
  mx::set_default_device(mx::Device::gpu);
  load_runner(options, summary);
  EXPECT_EQ(mx::default_device(), mx::Device(mx::Device::cpu));
}

TEST(InspectCheckpoint, TooLittleMemoryIsRefusedBeforeLoading) {
  const auto [exit_code, what] =
      refusal({.path = kTinyChat, .memory = {.fraction = 1e-6}});
  EXPECT_EQ(exit_code, kExitNoMemory);
  EXPECT_THAT(what, HasSubstr("one sequence of 1024 tokens"));
}

TEST(InspectCheckpoint, WhatDoesNotFitIsReadAllTheSame) {
  RunnerOptions options{.path = kTinyChat};
  options.memory.kv_bytes = 1;
  const auto checkpoint = read_checkpoint(options);
  EXPECT_EQ(checkpoint.model_type, "llama");
  EXPECT_FALSE(checkpoint.weights.empty());
  EXPECT_THROW(with_plan(checkpoint, options), StartError);
}

TEST(InspectCheckpoint, ABrokenAdapterIsRefusedBeforeLoading) {
  const auto [absent, where] =
      refusal({.path = kTinyChat, .adapter = kAdapters + "nowhere"});
  EXPECT_EQ(absent, kExitNotFound);
  EXPECT_THAT(where, HasSubstr("nowhere: not a folder"));
  const auto [no_config, what] =
      refusal({.path = kTinyChat, .adapter = kTinyChat});
  EXPECT_EQ(no_config, kExitBadData);
  EXPECT_THAT(what, HasSubstr("tiny-chat: a model (config.json"));
}

TEST(InspectCheckpoint, AMissingFolderHasItsExitCode) {
  EXPECT_EQ(refusal({.path = kModels + "nowhere"}).first, kExitNotFound);
}

} // namespace
} // namespace parallm
