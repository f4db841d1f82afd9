#include "runtime/model_text.h"

#include <fmt/format.h>

#include <utility>

#include "base/check.h"
#include "models/model_config.h"
#include "nn/gguf/gguf_keys.h"
#include "nn/gguf/gguf_tokenizer.h"

namespace parallm {
namespace {

std::shared_ptr<const ChatTemplate> embedded_template(
    const std::filesystem::path& gguf, const Tokenizer& tokenizer) {
  constexpr const char* kKey = "tokenizer.chat_template";
  const auto file = read_gguf(gguf);
  const GgufKeys keys(file);
  return keys.has(kKey)
             ? ChatTemplate::parse(gguf.string(), keys.text(kKey), tokenizer)
             : nullptr;
}

// Sentencepiece's own file says too little of how text is split.
void expect_no_lone_pieces(const std::filesystem::path& folder) {
  if (std::filesystem::exists(folder / "tokenizer.model") &&
      !std::filesystem::exists(folder / "tokenizer.json")) {
    throw StartError(
        kExitNotFound,
        fmt::format(
            "{}: no tokenizer.json in it, and tokenizer.model alone is not "
            "read; AutoTokenizer.from_pretrained(...).save_pretrained(...) of "
            "transformers writes one",
            folder.string()));
  }
}

} // namespace

std::shared_ptr<const Tokenizer> load_tokenizer(const std::string& model) {
  const auto gguf = find_gguf(model);
  if (!gguf) {
    expect_no_lone_pieces(model);
    expect_model_folder(model, "tokenizer.json");
    return Tokenizer::load(model);
  }
  auto made = gguf_tokenizer(read_gguf(*gguf));
  return Tokenizer::parse(gguf->string(), made.json, std::move(made.named));
}

std::shared_ptr<const ChatTemplate> load_template(
    const ModelSettings& model, const Tokenizer& tokenizer) {
  if (!model.chat_template_file.empty()) {
    return ChatTemplate::load_file(model.chat_template_file, tokenizer);
  }
  const auto gguf = find_gguf(model.path);
  return gguf ? embedded_template(*gguf, tokenizer)
              : ChatTemplate::load(model.path, tokenizer);
}

} // namespace parallm
