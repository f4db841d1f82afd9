#include "models/router.h"

#include <gtest/gtest.h>

#include "tests/support/arrays.h"
#include "tests/support/temporary_folder.h"

namespace parallm {
namespace {

using namespace test;

constexpr float kScale = 2.5f;

// What the experts chosen of two count for a token (1), as its gates are.
std::vector<float> shares(
    const std::vector<float>& gates, int per_token, bool normalize) {
  const TemporaryFolder folder;
  mx::save_safetensors(
      (folder.path() / "model.safetensors").string(),
      {{"gate.weight", mx::array(gates.begin(), {2, 1})}});
  Checkpoint checkpoint(folder.path(), std::nullopt);
  ArchSpec arch;
  arch.width = 1;
  MoeSpec moe{.experts = 2, .per_token = per_token};
  moe.router.score = RouterSpec::Score::kSigmoid;
  moe.router.normalize = normalize;
  moe.router.scale = kScale;
  const Router router(checkpoint, "gate", arch, moe);
  checkpoint.finish();
  return floats(router(mx::ones({1, 1})).shares);
}

TEST(Router, SharesAddUpToTheScaleWhereTheyAreNormalized) {
  const auto got = shares({1, 3}, 2, true);
  EXPECT_FLOAT_EQ(got[0] + got[1], kScale);
}

TEST(Router, AScoreCountsByItselfWhereTheyAreNot) {
  EXPECT_FLOAT_EQ(shares({-7, 0}, 1, false)[0], 0.5f * kScale);
}

// A sigmoid of so little is 0; it must not become 0 / 0.
TEST(Router, ScoresThatAreAllZeroStaySo) {
  EXPECT_EQ(shares({-200, -300}, 2, true), (std::vector<float>{0, 0}));
}

} // namespace
} // namespace parallm
