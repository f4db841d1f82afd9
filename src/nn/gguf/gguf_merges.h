#pragma once

#include <string>
#include <vector>

#include "nn/gguf/gguf_vocabulary.h"

namespace parallm {

// What makes longer tokens of shorter ones: "a b", the first ones first. For a
// vocabulary with scores: a token is made of any two others that spell it, and
// those of the higher score go first. Any thread. Throws StartError where they
// would take memory out of all proportion.
std::vector<std::string> merges_by_score(const GgufVocabulary& vocabulary);

} // namespace parallm
