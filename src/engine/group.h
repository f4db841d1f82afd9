#pragma once

#include <vector>

#include "cache/prefix_index.h"
#include "core/types.h"

// Engine thread only.
namespace parallm {

struct Sequence;

// A request and its choices, which share the prompt and the keys of its
// blocks. Owned by the scheduler; lives until the last choice is released.
struct Group {
  GenerateRequest request;
  PrefixKey root = 0;                   // parent of the first block
  std::vector<PrefixKey> prompt_keys{}; // as far as anybody needed them
  std::vector<Sequence*> unreleased{};
};

} // namespace parallm
