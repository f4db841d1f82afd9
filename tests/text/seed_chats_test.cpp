#include <gtest/gtest.h>

#include "tests/text/shared_data.h"
#include "text/chat_template.h"

// A conversation with the models that users of the ancestor run, down to the
// ids that transformers 5.24 gives; what is not at hand is said beside each.
// Their configs: tests/models/seed_models_test.cpp.
namespace parallm {
namespace {

namespace json = boost::json;
using test::shared;

constexpr auto kVariables = R"({"add_generation_prompt": true, "messages": [
    {"role": "user", "content": "Hello, how are you?"},
    {"role": "assistant", "content": "Fine. And you?"},
    {"role": "user", "content": "Naïve 日本 🙂\n  x = 1"}]})";

using Ids = std::vector<TokenId>;

Ids ids_of(const std::string& prompt, const Tokenizer& tokenizer) {
  return encode_guarded(prompt, tokenizer, /*add_special=*/false);
}

std::string rendered(const ChatTemplate& form) {
  const auto prompt = form.render(kVariables);
  EXPECT_TRUE(prompt);
  return prompt ? prompt.value() : "";
}

// Of Llama 3 itself neither file is at hand. The vocabulary and merges of 3.2
// are its own; its template gives what is written here, and those of 3.1 to
// 3.3, which add a date, are in ChatTemplateGoldens.
TEST(SeedChats, Llama3) {
  SKIP_WITHOUT_SHARED("tokenizers/llama3.2");
  const auto tokenizer = Tokenizer::load(shared("tokenizers/llama3.2"));
  const std::string prompt =
      "<|begin_of_text|>"
      "<|start_header_id|>user<|end_header_id|>\n\n"
      "Hello, how are you?<|eot_id|>"
      "<|start_header_id|>assistant<|end_header_id|>\n\n"
      "Fine. And you?<|eot_id|>"
      "<|start_header_id|>user<|end_header_id|>\n\n"
      "Naïve 日本 🙂\n  x = 1<|eot_id|>"
      "<|start_header_id|>assistant<|end_header_id|>\n\n";
  EXPECT_EQ(
      ids_of(prompt, *tokenizer),
      (Ids{128000, 128006, 882,    128007, 271,    9906,   11,     1268,  527,
           499,    30,     128009, 128006, 78191,  128007, 271,    64816, 13,
           1628,   499,    30,     128009, 128006, 882,    128007, 271,   16589,
           38672,  588,    105180, 28584,  198,    220,    865,    284,   220,
           16,     128009, 128006, 78191,  128007, 271}));
}

TEST(SeedChats, Phi3) {
  SKIP_WITHOUT_SHARED("tokenizers/phi3");
  const auto tokenizer = Tokenizer::load(shared("tokenizers/phi3"));
  const auto form = ChatTemplate::load(shared("tokenizers/phi3"), *tokenizer);
  ASSERT_TRUE(form);
  const auto prompt = rendered(*form);
  EXPECT_EQ(
      prompt,
      "<|user|>\nHello, how are you?<|end|>\n"
      "<|assistant|>\nFine. And you?<|end|>\n"
      "<|user|>\nNaïve 日本 🙂\n  x = 1<|end|>\n"
      "<|assistant|>\n");
  EXPECT_EQ(
      ids_of(prompt, *tokenizer),
      (Ids{32010, 15043, 29892, 920,   526,   366,   29973, 32007, 32001,
           28896, 29889, 1126,  366,   29973, 32007, 32010, 4465,  30085,
           345,   29871, 30325, 30346, 29871, 243,   162,   156,   133,
           13,    29871, 921,   353,   29871, 29896, 32007, 32001}));
}

// The tokenizer.json is made of the authors' tokenizer.model, whose ids those
// of the first turn are. The blank between turns is a token of its own, 28705,
// in transformers and so in mlx-lm; the authors' own code writes none.
TEST(SeedChats, Mistral) {
  SKIP_WITHOUT_SHARED("tokenizers/mistral-v1");
  const auto tokenizer = Tokenizer::load(shared("tokenizers/mistral-v1"));
  const auto goldens =
      test::read_json(shared("goldens/chat_template_goldens.json"));
  // It names its special tokens in tokenizer_config.json, which is not at hand.
  const auto source =
      R"({% set bos_token = "<s>" %}{% set eos_token = "</s>" %})" +
      test::text_of(goldens.at("custom_templates")
                        .at("TheBloke/Mistral-7B-Instruct-v0.1-GPTQ")
                        .at("chat_template"));
  const auto form = ChatTemplate::compile(source, *tokenizer);
  ASSERT_TRUE(form);
  const auto prompt = rendered(*form.value());
  EXPECT_EQ(
      prompt,
      "<s>[INST] Hello, how are you? [/INST]Fine. And you?</s> "
      "[INST] Naïve 日本 🙂\n  x = 1 [/INST]");
  EXPECT_EQ(
      ids_of(prompt, *tokenizer),
      (Ids{1,     733,   16289, 28793, 22557, 28725, 910,   460,   368,
           28804, 733,   28748, 16289, 28793, 28765, 473,   28723, 1015,
           368,   28804, 2,     28705, 733,   16289, 28793, 7084,  28920,
           333,   28705, 29142, 29119, 28705, 29340, 13,    28705, 1318,
           327,   28705, 28740, 733,   28748, 16289, 28793}));
}

// No tokenizer of Gemma is at hand: 17 MB, under terms of its own. Gemma 2's
// template is that of 1.1.
TEST(SeedChats, Gemma) {
  SKIP_WITHOUT_SHARED("chat-templates");
  const auto any = Tokenizer::load(PARALLM_TEST_DATA "/tokenizers/pieces");
  const auto form = ChatTemplate::compile(
      R"({% set bos_token = "<bos>" %})" +
          test::read_text(shared("chat-templates/google-gemma-2-2b-it.jinja")),
      *any);
  ASSERT_TRUE(form);
  EXPECT_EQ(
      rendered(*form.value()),
      "<bos><start_of_turn>user\nHello, how are you?<end_of_turn>\n"
      "<start_of_turn>model\nFine. And you?<end_of_turn>\n"
      "<start_of_turn>user\nNaïve 日本 🙂\n  x = 1<end_of_turn>\n"
      "<start_of_turn>model\n");
}

// In place of Gemma's tokenizer: Llama 2's pieces, put together as Gemma does
// it, by byte-fallback BPE that writes no blank in front of a text.
TEST(SeedChats, PiecesAsGemmaPutsThemTogether) {
  SKIP_WITHOUT_SHARED("tokenizers/llama2");
  auto file = test::read_json(shared("tokenizers/llama2/tokenizer.json"));
  auto& parts = file.as_object();
  parts["normalizer"] = json::parse(
      R"({"type": "Replace", "pattern": {"String": " "}, "content": "▁"})");
  parts["pre_tokenizer"] = json::parse(
      R"({"type": "Split", "pattern": {"String": " "},
          "behavior": "MergedWithPrevious", "invert": false})");
  parts["decoder"] = json::parse(
      R"({"type": "Sequence", "decoders": [
          {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
          {"type": "ByteFallback"}, {"type": "Fuse"}]})");
  const auto tokenizer =
      Tokenizer::parse("tokenizer.json", json::serialize(file), {});
  const std::pair<std::string, Ids> cases[] = {
      {"Hello, how are you?", {10994, 29892, 920, 526, 366, 29973}},
      {" Naïve 日本 🙂\n  x = 1",
       {4465, 30085, 345, 29871, 30325, 30346, 29871, 243, 162, 156, 133, 13,
        29871, 921, 353, 29871, 29896}}};
  for (const auto& [text, ids] : cases) {
    EXPECT_EQ(ids_of(text, *tokenizer), ids);
    EXPECT_EQ(tokenizer->decode(ids, /*skip_special=*/false), text);
  }
}

} // namespace
} // namespace parallm
