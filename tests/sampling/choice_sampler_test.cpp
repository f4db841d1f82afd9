#include "sampling/choice_sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parallm {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

ChoiceRules rules(SamplingParams params, int prompt_tokens = 0) {
  ChoiceRules rules;
  rules.sampling = std::move(params);
  rules.prompt_tokens = prompt_tokens;
  rules.vocab = 100;
  return rules;
}

std::vector<TokenId> edited(const DrawRow& row) {
  std::vector<TokenId> ids;
  if (row.edits) {
    for (const LogitEdit& edit : *row.edits) {
      ids.push_back(edit.id);
    }
  }
  return ids;
}

LogitEdit edit_of(const DrawRow& row, TokenId id) {
  for (const LogitEdit& edit : *row.edits) {
    if (edit.id == id) {
      return edit;
    }
  }
  ADD_FAILURE() << "no edit of " << id;
  return {};
}

TEST(ChoiceSampler, AsksForNothingByDefault) {
  ChoiceSampler sampler(rules({}, 3), std::vector<TokenId>{1, 2, 3});
  sampler.append(4);
  EXPECT_FALSE(sampler.next().rewrites());
}

TEST(ChoiceSampler, NoiseIsKeyedBySeedChoiceAndOutputPosition) {
  ChoiceRules r = rules({.seed = 1ull << 40}, 3);
  r.choice = 2;
  ChoiceSampler sampler(r, std::vector<TokenId>{1, 2, 3, 9});
  sampler.append(4);
  const NoiseKey key = sampler.next().noise;
  EXPECT_EQ(key.seed, 1ull << 40);
  EXPECT_EQ(key.choice, 2u);
  EXPECT_EQ(key.position, 2u);
}

TEST(ChoiceSampler, RepetitionPenaltySeesPromptAndOutput) {
  ChoiceSampler sampler(
      rules({.repetition_penalty = 1.5f}, 2), std::vector<TokenId>{7, 7});
  sampler.append(9);
  const DrawRow row = sampler.next();
  EXPECT_THAT(edited(row), ElementsAre(7, 9));
  EXPECT_EQ(edit_of(row, 7).repetition, 1.5f);
  EXPECT_EQ(edit_of(row, 9).repetition, 1.5f);
  EXPECT_EQ(edit_of(row, 9).penalty, 0);
}

TEST(ChoiceSampler, FrequencyAndPresenceCountTheOutputOnly) {
  ChoiceSampler sampler(
      rules({.frequency_penalty = 0.25f, .presence_penalty = 0.5f}, 2),
      std::vector<TokenId>{7, 8, 8});
  sampler.append(9);
  sampler.append(8);
  const DrawRow row = sampler.next();
  EXPECT_THAT(edited(row), ElementsAre(8, 9));
  EXPECT_EQ(edit_of(row, 8).penalty, 2 * 0.25f + 0.5f);
  EXPECT_EQ(edit_of(row, 9).penalty, 0.25f + 0.5f);
}

TEST(ChoiceSampler, BiasJoinsThePenaltiesOfItsToken) {
  SamplingParams params{.presence_penalty = 1};
  params.logit_bias = {{5, 2.0f}, {6, -3.0f}, {1000, 9.0f}};
  ChoiceSampler sampler(rules(params), {});
  sampler.append(6);
  const DrawRow row = sampler.next();
  EXPECT_THAT(edited(row), ElementsAre(5, 6));
  EXPECT_EQ(edit_of(row, 5).bias, 2);
  EXPECT_EQ(edit_of(row, 6).bias, -3);
  EXPECT_EQ(edit_of(row, 6).penalty, 1);
}

TEST(ChoiceSampler, EndingTokensAreBannedBeforeTheLeastLength) {
  ChoiceRules r = rules({});
  r.min_new_tokens = 2;
  r.ending_tokens = {50, 40, 50, 100};
  ChoiceSampler sampler(r, {});
  EXPECT_THAT(sampler.next().banned, ElementsAre(40, 50));
  sampler.append(1);
  EXPECT_THAT(sampler.next().banned, ElementsAre(40, 50));
  sampler.append(1);
  EXPECT_THAT(sampler.next().banned, IsEmpty());
}

TEST(ChoiceSampler, ABadWordIsBannedWhereItWouldBeCompleted) {
  SamplingParams params;
  params.bad_words = {{3}, {1, 2, 4}, {2, 5}, {}};
  // The prompt ends as the second word begins: it does not count.
  ChoiceSampler sampler(rules(params, 2), std::vector<TokenId>{1, 2});
  EXPECT_THAT(sampler.next().banned, ElementsAre(3));
  sampler.append(1);
  EXPECT_THAT(sampler.next().banned, ElementsAre(3));
  sampler.append(2);
  EXPECT_THAT(sampler.next().banned, ElementsAre(3, 4, 5));
  sampler.append(9);
  EXPECT_THAT(sampler.next().banned, ElementsAre(3));
}

TEST(ChoiceSampler, AllowedTokensOutsideTheVocabularyAllowNothing) {
  SamplingParams params;
  params.allowed_tokens = {9, 3, 9, 100};
  EXPECT_THAT(
      *ChoiceSampler(rules(params), {}).next().allowed, ElementsAre(3, 9));
  params.allowed_tokens = {100};
  EXPECT_THAT(*ChoiceSampler(rules(params), {}).next().allowed, IsEmpty());
}

TEST(ChoiceSampler, ReopenedWithItsHistoryDrawsAsIfNeverStopped) {
  SamplingParams params{
      .repetition_penalty = 1.3f, .frequency_penalty = 0.1f, .seed = 77};
  params.bad_words = {{4, 4}};
  params.logit_bias = {{2, 1.0f}};
  const std::vector<TokenId> prompt{1, 2, 3};
  std::vector<TokenId> history = prompt;
  ChoiceSampler lasting(rules(params, 3), prompt);
  for (TokenId token : {4, 2, 9, 4}) {
    lasting.append(token);
    history.push_back(token);
    const DrawRow a = lasting.next();
    const DrawRow b = ChoiceSampler(rules(params, 3), history).next();
    EXPECT_EQ(a.noise.position, b.noise.position);
    EXPECT_EQ(a.banned, b.banned);
    ASSERT_EQ(edited(a), edited(b));
    for (TokenId id : edited(a)) {
      EXPECT_EQ(edit_of(a, id).penalty, edit_of(b, id).penalty);
      EXPECT_EQ(edit_of(a, id).repetition, edit_of(b, id).repetition);
    }
  }
}

} // namespace
} // namespace parallm
