#pragma once

#include <optional>
#include <vector>

#include "core/types.h"
#include "nn/step_context.h"

namespace parallm {

// Gathers the tokens that a step feeds. Some are known to the host; others
// were sampled by the step before and stay on the device. Engine thread only.
class StepTokens {
 public:
  void add(TokenId token);   // known
  void add_pending(int row); // the row among the ids of the step before

  int size() const { return static_cast<int>(sources_.size()); }
  // (T) int32, lazily. ids: of the step before, needed if one is pending.
  mx::array array(const std::optional<mx::array>& ids) const;

 private:
  // Either list as one array: ids first, known tokens behind.
  struct Source {
    bool pending = false;
    int32_t value = 0; // the row, or the token
  };
  mx::array joined(const mx::array& ids) const;
  bool is_all_of(const mx::array& ids) const;

  std::vector<Source> sources_;
  int pending_ = 0;
};

} // namespace parallm
