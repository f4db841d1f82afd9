#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "core/types.h"
#include "kernels/sample/sample_row.h"

namespace parallm {

// Stages 1 to 3 of one choice, kept up to date token by token: repetition
// penalty, frequency and presence penalty, logit bias. Engine thread only.
class LogitEdits {
 public:
  LogitEdits(const SamplingParams& params, int vocab);

  // Whether tokens change anything; if not, there is no need to tell them.
  bool looks_back() const { return repeats_ || counts_; }
  void saw_prompt(TokenId token);
  void saw_output(TokenId token);

  // One entry a token; null if there is nothing to do. Shared with the steps
  // that were built from it; later tokens make a new list.
  std::shared_ptr<const std::vector<LogitEdit>> list() const;

 private:
  struct Entry {
    size_t place = 0; // in edits_
    int outputs = 0;  // how often this choice has output the token
  };
  Entry* entry_of(TokenId token); // null outside the vocabulary
  LogitEdit& edit_of(const Entry& entry);

  float repetition_, frequency_, presence_;
  bool repeats_, counts_;
  int vocab_;
  std::vector<LogitEdit> edits_;
  std::unordered_map<TokenId, Entry> entries_;
  // What list() made of edits_, until they change.
  mutable std::shared_ptr<const std::vector<LogitEdit>> list_;
};

} // namespace parallm
