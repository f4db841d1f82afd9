#pragma once

#include <cstdint>

// Plain values and functions without state: any thread.
namespace parallm {

// How a token's gates, one of each expert, say which experts it visits and
// what each counts.
struct ChoiceRule {
  enum class Score : uint8_t {
    kSoftmax,         // over all experts
    kSoftmaxOfChosen, // over those chosen
    kSigmoid,
    kSparseMixer, // PhiMoE: each choice against those within a band of it
  };
  Score score = Score::kSoftmax;
  // The rest is for scores of all experts: kSoftmax and kSigmoid.
  bool normalize = false; // the chosen add up to 1
  float scale = 1;        // of the result
  int groups = 1;         // of experts; all but the best `kept` score 0
  int groups_kept = 1;
  bool best_two = false; // a group counts as its best two; else as its best
  float band = 0;        // kSparseMixer: half its width, relative
};

// Sigmoids may all be 0: they stay so. Other sums are far larger than this.
inline constexpr float kLeastShareSum = 1e-20f; // of DeepSeek 3

} // namespace parallm
