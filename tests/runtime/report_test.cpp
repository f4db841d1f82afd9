#include "runtime/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/model_text.h"

namespace parallm {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kChat = PARALLM_TEST_DATA "/tiny-chat";

CheckpointSummary some_checkpoint() {
  return {
      .geometry =
          {.blocks = 100,
           .block_tokens = 16,
           .max_positions = 512,
           .vocab = 380},
      .memory =
          {.weights = 5 << 20,
           .working = 3 << 19,
           .answers = size_t{3} << 30,
           .heap = 1 << 20,
           .kv = size_t{1600} * 2048},
      .model_type = "llama",
      .layers = 2,
      .parameters = 52'345,
      .checkpoint_positions = 1024,
      .architecture = {{"width", "48"}, {"attention", "8 heads of 6"}},
      .weights = {"bfloat16: lm_head", "mxfp4: layers 0-1: mlp.up_proj"}};
}

ServerConfig tiny_chat() {
  ServerConfig config;
  config.model.path = kChat;
  return config;
}

std::string told(const CheckpointSummary& checkpoint) {
  return aligned(model_report(tiny_chat(), checkpoint)) +
         aligned(plan_report(tiny_chat(), checkpoint));
}

std::string told_of_text(
    const CheckpointSummary& checkpoint, const ServerConfig& config) {
  const auto tokenizer = load_tokenizer(kChat);
  const auto chat_template = load_template(config.model, *tokenizer);
  return aligned(
      text_report(config, checkpoint, *tokenizer, chat_template.get()));
}

TEST(ModelReport, TellsAllThereIs) {
  EXPECT_EQ(
      told(some_checkpoint()),
      "model              tiny-chat (llama, 2 layers)\n"
      "parameters         52345\n"
      "width              48\n"
      "attention          8 heads of 6\n"
      "weights            bfloat16: lm_head\n"
      "                   mxfp4: layers 0-1: mlp.up_proj\n"
      "numerics           invariant\n"
      "context            512 tokens of the 1024 that it was made for\n"
      "memory             3.0 GiB in all\n"
      "  weights          5.0 MiB\n"
      "  keys and values  3.1 MiB: 1600 tokens of 2.0 KiB\n"
      "  working memory   1.5 MiB\n"
      "  answers          at most 3.0 GiB\n"
      "  heap             1.0 MiB\n"
      "room               3 sequences of 512 tokens, or 64 of 16\n");
}

TEST(ModelReport, TellsHowTheWholeIsPacked) {
  CheckpointSummary checkpoint = some_checkpoint();
  checkpoint.quantization = "mxfp4";
  checkpoint.adapter = "dora of rank 2 in 21 modules";
  EXPECT_THAT(
      told(checkpoint), HasSubstr("tiny-chat (llama, 2 layers, mxfp4, dora of "
                                  "rank 2 in 21 modules)\n"));
}

TEST(ModelReport, TellsWhatIsLeftOut) {
  CheckpointSummary checkpoint = some_checkpoint();
  EXPECT_THAT(told(checkpoint), Not(HasSubstr("left out")));
  checkpoint.left_out = {"vision_tower, 2 tensors of 1.0 MiB: why"};
  EXPECT_THAT(
      told(checkpoint),
      HasSubstr("\nleft out           vision_tower, 2 tensors of 1.0 MiB: "
                "why\n"));
}

TEST(ModelReport, LargeNumbersOfParametersAreRounded) {
  CheckpointSummary checkpoint = some_checkpoint();
  const std::pair<size_t, const char*> shown[] = {
      {8'390'912, "8.4 M\n"}, {1'235'814'400, "1.2 B\n"}};
  for (const auto& [parameters, text] : shown) {
    checkpoint.parameters = parameters;
    EXPECT_THAT(
        told(checkpoint), HasSubstr(std::string("parameters         ") + text));
  }
}

TEST(ModelReport, AWholeContextIsToldOnce) {
  CheckpointSummary checkpoint = some_checkpoint();
  checkpoint.checkpoint_positions = 512;
  EXPECT_THAT(told(checkpoint), HasSubstr("\ncontext            512 tokens\n"));
}

TEST(ModelReport, ARoomForAllIsToldOnce) {
  CheckpointSummary checkpoint = some_checkpoint();
  checkpoint.geometry.max_positions = 16;
  EXPECT_THAT(
      told(checkpoint), HasSubstr("\nroom               64 sequences of 16 "
                                  "tokens\n"));
}

TEST(ModelReport, StatesAreToldWhereThereAreAny) {
  CheckpointSummary checkpoint = some_checkpoint();
  checkpoint.memory.kv = 0;
  checkpoint.memory.states = 2 << 20;
  EXPECT_THAT(
      told(checkpoint), HasSubstr("\n  keys and values  none\n"
                                  "  states           2.0 MiB\n"));
}

TEST(ModelReport, ATokenOfFewBytesIsToldInBytes) {
  CheckpointSummary checkpoint = some_checkpoint();
  checkpoint.memory.kv = size_t{1600} * 96;
  EXPECT_THAT(told(checkpoint), HasSubstr("150.0 KiB: 1600 tokens of 96 B\n"));
}

TEST(TextReport, TellsHowTextGetsInAndOut) {
  CheckpointSummary checkpoint = some_checkpoint();
  checkpoint.end_tokens = {3, 1};
  EXPECT_EQ(
      told_of_text(checkpoint, tiny_chat()),
      "tokenizer          380 tokens\n"
      "end tokens         3 (<|im_end|>), 1 (<|eos|>)\n"
      "chat template      of the checkpoint\n");
}

TEST(TextReport, TheTokenizersEndStandsInForTheCheckpoints) {
  EXPECT_THAT(
      told_of_text(some_checkpoint(), tiny_chat()),
      HasSubstr("\nend tokens         1 (<|eos|>)\n"));
}

TEST(TextReport, TellsOfTokensThatTheModelLacks) {
  CheckpointSummary checkpoint = some_checkpoint();
  checkpoint.geometry.vocab = 370;
  EXPECT_THAT(
      told_of_text(checkpoint, tiny_chat()),
      HasSubstr("380 tokens; the model knows 370, and prompts with the others "
                "are refused\n"));
}

TEST(TextReport, TellsThatThereIsNoChatTemplate) {
  const auto tokenizer = load_tokenizer(kChat);
  EXPECT_THAT(
      aligned(text_report(tiny_chat(), some_checkpoint(), *tokenizer, nullptr)),
      HasSubstr("\nchat template      none: chat is refused; --chat-template "
                "FILE gives one\n"));
}

TEST(TextReport, NamesTheTemplateThatWasGiven) {
  ServerConfig config = tiny_chat();
  config.model.chat_template_file = kChat + "/chat_template.jinja";
  EXPECT_THAT(
      told_of_text(some_checkpoint(), config),
      HasSubstr("chat template      " + kChat + "/chat_template.jinja\n"));
}

TEST(ResolvedText, IsCommentsWithTheLimitsBelow) {
  const auto text = resolved_text(tiny_chat(), some_checkpoint(), {.cores = 4});
  EXPECT_THAT(
      text, HasSubstr("#   model              tiny-chat (llama, 2 layers)\n"));
  EXPECT_THAT(
      text, HasSubstr("#   max_batch_size     64\n"
                      "#   max_batch_tokens   1088\n"
                      "#   max_queue_tokens   6400\n"
                      "#   io_shards          2\n"
                      "#   text_threads       2\n"
                      "#   threads            4\n"));
}

} // namespace
} // namespace parallm
