#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/types.h"
#include "kernels/logprob/logprob.h"
#include "kernels/sample/sample.h"

namespace parallm {

struct SampleRow {
  DrawRow draw{};
  int logprobs = -1; // alternatives; -1: none
  LogprobsMode mode = LogprobsMode::kRaw;
};

// The tokens that one step draws and what is said about them: lazy when made,
// readable once arrays() are evaluated. Engine thread only.
class SampledStep {
 public:
  // logits (R, V) float32, one of `rows` for each of theirs
  SampledStep(const mx::array& logits, std::vector<SampleRow> rows);

  const mx::array& ids() const { return draws_.ids; } // (R) int32
  std::vector<mx::array> arrays() const;

  TokenId id(int row) const;
  // Empty if the row has its token, else why it has none.
  std::string error(int row) const;
  bool unsatisfiable(int row) const; // that was why: its masks
  // None if the row has not asked.
  std::optional<TokenLogprobs> logprobs(int row) const;

 private:
  // Where a row's score is.
  struct Place {
    LogprobsMode mode = LogprobsMode::kRaw;
    int index = -1; // -1: not scored
    int alternatives = 0;
  };
  std::vector<int32_t> place_rows(
      const std::vector<SampleRow>& rows, LogprobsMode mode);
  void score_rows(const mx::array& logits, const std::vector<SampleRow>& rows);

  Draws draws_;
  std::vector<Place> places_; // one a row; empty if none asks
  std::optional<Scores> raw_, processed_;
};

} // namespace parallm
