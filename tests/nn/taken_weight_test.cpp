#include "nn/taken_weight.h"

#include <gtest/gtest.h>

namespace parallm {
namespace {

using Lines = std::vector<std::string>;

TEST(TakenWeight, ModulesOfOneFormInTheSameLayersShareALine) {
  std::vector<TakenWeight> weights{{"lm_head", "bfloat16"}};
  for (const int layer : {0, 1, 2, 4}) {
    const auto at = "model.layers." + std::to_string(layer) + ".";
    weights.push_back({at + "mlp.up_proj", "mxfp4"});
    weights.push_back({at + "mlp.down_proj", "mxfp4"});
  }
  weights.push_back({"model.layers.3.mlp.down_proj", "bfloat16"});
  EXPECT_EQ(
      text_of(weights),
      (Lines{
          "bfloat16: lm_head", "bfloat16: layer 3: mlp.down_proj",
          "mxfp4: layers 0-2, 4: mlp.down_proj, mlp.up_proj"}));
}

TEST(TakenWeight, NamesWithoutALayerStayAsTheyAre) {
  EXPECT_EQ(
      text_of({{"layers.x.w", "f"}, {"a.layers.", "f"}, {"layers.7", "f"}}),
      (Lines{"f: a.layers., layers.7, layers.x.w"}));
  EXPECT_EQ(text_of({}), Lines{});
}

} // namespace
} // namespace parallm
