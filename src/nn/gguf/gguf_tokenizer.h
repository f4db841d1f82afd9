#pragma once

#include <string>
#include <utility>
#include <vector>

#include "nn/gguf/gguf_file.h"

namespace parallm {

// What a checkpoint folder says in tokenizer.json and its companions, without
// the chat template.
struct GgufTokenizer {
  std::string json{}; // a tokenizer.json
  // {"bos_token", "<s>"} and like
  std::vector<std::pair<std::string, std::string>> named{};
};

// Of the models gpt2 (bytes, merges; words as in gguf_cut.h) and llama (pieces
// with scores, bytes for what they lack). Any thread. Throws StartError that
// names file and key.
GgufTokenizer gguf_tokenizer(const GgufFile& file);

} // namespace parallm
