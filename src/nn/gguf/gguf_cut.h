#pragma once

#include <vector>

#include "nn/gguf/gguf_keys.h"

namespace parallm {

// How a text is cut into words before bytes are joined, as the makers of the
// vocabularies cut it; and what else differs between them.
struct GgufCut {
  std::vector<const char*> names;    // in tokenizer.ggml.pre
  std::vector<const char*> patterns; // each cuts what those before it left
  bool composed = false;             // characters are composed first (NFC)
  bool whole = false;    // a word that is a token is one, without merges
  bool adds_bos = false; // where the file does not say
};

// By tokenizer.ggml.pre; of a file from before there was that key: a qwen's, or
// what the format has for the others. Any thread. Throws StartError.
const GgufCut& gguf_cut(const GgufKeys& keys);

} // namespace parallm
