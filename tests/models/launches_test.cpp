#include <gtest/gtest.h>
#include <mlx/primitives.h>

#include <string>
#include <unordered_set>

#include "tests/support/decoder.h"

// What a step launches: each primitive costs the host microseconds, whatever
// the model's size.
namespace parallm {
namespace {

using namespace test;
namespace fs = std::filesystem;

// Primitives that an array comes from and that were not seen yet.
int count(const mx::array& array, std::unordered_set<std::uintptr_t>& seen) {
  if (!array.has_primitive() || !seen.insert(array.id()).second) {
    return 0;
  }
  for (const auto& sibling : array.siblings()) {
    seen.insert(sibling.id());
  }
  int primitives = 1;
  for (const auto& input : array.inputs()) {
    primitives += count(input, seen);
  }
  return primitives;
}

// In a step of one token, logits and all.
int launched(const std::string& name) {
  const auto model =
      load_model(fs::path(PARALLM_TEST_DATA) / "models" / name, {});
  Decoder decoder(*model, 1);
  std::unordered_set<std::uintptr_t> seen;
  return count(decoder.step({{{5}, 0, 0}}), seen);
}

struct Budget {
  const char* model;
  int layers;
  int of_layer;
};

// Token vectors, the last norm, and what becomes of logits.
constexpr int kBesideLayers = 8;

TEST(Launches, AreFewInALayerOfCommonFamilies) {
  for (const auto& [model, layers, of_layer] :
       {Budget{"llama-f32", 4, 13}, Budget{"qwen3-f32", 2, 13},
        Budget{"gemma2", 4, 13}, Budget{"phi3", 4, 13},
        Budget{"qwen3_moe", 4, 29}}) {
    EXPECT_LE(launched(model), layers * of_layer + kBesideLayers) << model;
  }
}

} // namespace
} // namespace parallm
