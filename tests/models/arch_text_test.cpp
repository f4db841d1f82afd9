#include "models/arch_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parallm {
namespace {

// The lines behind width and vocabulary.
std::vector<std::string> told(std::vector<LayerSpec> layers) {
  std::vector<std::string> texts;
  for (const auto& [name, text] : text_of(
           ArchSpec{.width = 48, .vocab = 67, .layers = std::move(layers)})) {
    texts.push_back(name + ": " + text);
  }
  EXPECT_EQ(texts[0], "width: 48");
  EXPECT_EQ(texts[1], "vocabulary: 67");
  return {texts.begin() + 2, texts.end()};
}

GqaSpec attention(int kv_heads, int window = 0) {
  return {
      .heads = 8,
      .kv_heads = kv_heads,
      .head_dim = 6,
      .window = window,
      .rope = RopeSpec{}};
}

using testing::ElementsAre;

constexpr std::monostate kNone;

TEST(ArchText, LayersThatAreAlikeAreOneLineAPart) {
  const LayerSpec layer{attention(2), MlpSpec{.width = 96}};
  EXPECT_THAT(
      told({layer, layer}), ElementsAre(
                                "attention: 8 heads of 6, 2 of keys and values",
                                "feed-forward: 96 wide"));
}

TEST(ArchText, TellsHowManyLayersHaveAWindow) {
  const LayerSpec slides{attention(8, 32), MlpSpec{.width = 96}};
  GqaSpec blind = attention(8);
  blind.rope.reset();
  EXPECT_THAT(
      told({slides, slides, {blind, MlpSpec{.width = 96}}}),
      ElementsAre(
          "attention: 8 heads of 6, window of 32 tokens (2 of 3 layers)",
          "attention: 8 heads of 6, blind to positions (1 of 3 layers)",
          "feed-forward: 96 wide"));
}

TEST(ArchText, TellsHowManyExpertsATokenVisits) {
  MoeSpec experts{.experts = 9, .per_token = 3, .width = 10};
  EXPECT_THAT(
      told({{kNone, experts}}),
      ElementsAre("feed-forward: 9 experts, 3 a token, 10 wide"));
  experts.shared = MlpSpec{.width = 20};
  EXPECT_THAT(
      told({{kNone, experts}}),
      ElementsAre("feed-forward: 9 experts, 3 a token, 10 wide; one of 20 for "
                  "every token"));
}

TEST(ArchText, TellsWhatAllHeadsKeepTogether) {
  const MlaSpec mla{
      .heads = 4,
      .latent = 20,
      .rope_width = 6,
      .plain_width = 10,
      .value_width = 8};
  EXPECT_THAT(
      told({{mla, kNone}}),
      ElementsAre(
          "attention: 4 heads of 16, values of 8, kept as one latent of 20 + "
          "6"));
}

TEST(ArchText, TellsWhatKeepsStates) {
  const Mamba2Spec mamba{.scan = {.heads = 6, .head_dim = 10, .state = 8}};
  const GatedDeltaSpec delta{
      .delta = {
          .key_heads = 3, .value_heads = 6, .key_dim = 5, .value_dim = 8}};
  const ShortConvSpec conv{.width = 48, .taps = 3};
  EXPECT_THAT(
      told({{mamba, kNone}, {delta, kNone}, {conv, kNone}}),
      ElementsAre(
          "recurrent: Mamba-2, 6 heads of 10, states of 8 (1 of 3 layers)",
          "recurrent: gated delta rule, 6 heads of 8, keys of 5 in 3 heads (1 "
          "of 3 layers)",
          "recurrent: convolution over 3 tokens, 48 wide (1 of 3 layers)"));
}

} // namespace
} // namespace parallm
