// The reader of .gguf: whatever a file holds is refused with one line that
// names the file, or read, and so is what is made of it: a config and a
// tokenizer.json.
#include <filesystem>
#include <optional>
#include <string_view>

#include "base/check.h"
#include "nn/gguf/gguf_config.h"
#include "nn/gguf/gguf_tokenizer.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/input_file.h"
#include "tests/support/gguf_bytes.h"

namespace parallm::fuzz {
namespace {

using namespace test;

// What a call gives, or none if it refuses.
template <class Call>
auto accepted(const std::filesystem::path& path, Call call)
    -> std::optional<decltype(call())> {
  try {
    return call();
  } catch (const StartError& error) {
    expect(std::string(error.what()).starts_with(path.string() + ": "));
    return std::nullopt;
  }
}

void check_places(const GgufFile& file, size_t input_bytes) {
  expect(file.stamp.bytes == input_bytes);
  uint64_t end = 0;
  for (const auto& tensor : file.tensors) {
    expect(tensor.begin >= end && tensor.bytes > 0);
    end = tensor.begin + tensor.bytes;
  }
  expect(end <= input_bytes);
}

std::string list(uint32_t type, uint64_t count, const std::string& items) {
  return raw(type) + raw(count) + items;
}

std::string tiny_llama(int experts) {
  const std::string keys =
      gguf_key("general.architecture", 8, gguf_text("llama")) +
      gguf_uint32("llama.embedding_length", 4) +
      gguf_uint32("llama.feed_forward_length", 4) +
      gguf_uint32("llama.block_count", 1) +
      gguf_uint32("llama.context_length", 8) +
      gguf_uint32("llama.attention.head_count", 1) +
      gguf_key("llama.attention.layer_norm_rms_epsilon", 6, raw(1e-5f)) +
      gguf_key("tokenizer.ggml.model", 8, gguf_text("llama")) +
      gguf_key(
          "tokenizer.ggml.tokens", 9,
          list(8, 3, gguf_text("a") + gguf_text("b") + gguf_text("ab"))) +
      gguf_key(
          "tokenizer.ggml.scores", 9,
          list(6, 3, raw(-1.f) + raw(-2.f) + raw(-3.f))) +
      gguf_key(
          "tokenizer.ggml.token_type", 9,
          list(5, 3, raw(1) + raw(3) + raw(1))) +
      gguf_uint32("tokenizer.ggml.bos_token_id", 1) +
      gguf_uint32("llama.expert_count", experts) +
      gguf_uint32("llama.expert_used_count", experts);
  return gguf_file(
      gguf_head(2, 14) + keys + gguf_tensor("token_embd.weight", {4, 3}, 0, 0) +
          gguf_tensor("rope_freqs.weight", {2}, 0, 64),
      std::string(72, '\x3f'));
}

} // namespace

std::vector<std::string> seeds() {
  return {
      tiny_llama(0), tiny_llama(2), gguf_head(~uint64_t{0}, ~uint64_t{0}),
      gguf_file(
          gguf_head(2, 1) + gguf_uint32("general.alignment", 64) +
              gguf_tensor("a", {32, 2}, 2, 0) + gguf_tensor("b", {256}, 14, 64),
          std::string(64 + 210, 'x'), 64)};
}

std::vector<std::string> tokens() {
  return {
      "GGUF",
      "general.alignment",
      "general.architecture",
      "tokenizer.ggml.model",
      "tokenizer.ggml.pre",
      "token_embd.weight",
      "blk.0.attn_q.weight",
      "llama",
      "gpt2",
      "qwen2",
      "qwen3moe",
      "llama.expert_count",
      "llama.expert_used_count",
      "blk.0.ffn_gate_exps.weight",
      raw(uint64_t{0}),
      raw(uint64_t{1}),
      raw(uint64_t{32}),
      raw(uint64_t{100'000'000'000}),
      raw(~uint64_t{0}),
      raw(uint32_t{8}),
      raw(uint32_t{9}),
      raw(uint32_t{12}),
      raw(uint32_t{14})};
}

} // namespace parallm::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  using namespace parallm;
  using namespace parallm::fuzz;
  static const InputFile file;
  const auto& path = file.write({reinterpret_cast<const char*>(bytes), count});
  if (const auto found = accepted(path, [&] { return read_gguf(path); })) {
    check_places(*found, count);
    accepted(path, [&] { return gguf_config(*found); });
    accepted(path, [&] { return gguf_tokenizer(*found); });
  }
  return 0;
}
