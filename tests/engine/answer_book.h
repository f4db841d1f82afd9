#pragma once

#include <gtest/gtest.h>

#include <map>

#include "tests/fakes/fake_runner.h"

namespace parallm {

// What was asked, what came, and what should have come.
class AnswerBook {
 public:
  struct Choice {
    GenerateRequest request{};
    std::vector<TokenId> want{};
    std::vector<TokenId> got{};
    std::vector<TokenLogprobs> scores{}; // of the prompt
    std::optional<FinishReason> finish{};
    std::string error{};
    std::optional<SequenceStats> stats{};
    bool started = false;
    bool cancelled = false;
    bool may_fail = false;
    bool too_long = false;
  };
  using Key = std::pair<RequestId, int>;

  // `max_length`: tokens of one sequence that the engine can hold.
  void asked(const GenerateRequest& request, int max_length, bool may_fail) {
    const int prompt = int(request.prompt.size());
    GenerateRequest capped = request;
    if (request.max_new_tokens > 0) {
      capped.max_new_tokens =
          std::clamp(max_length - prompt, 1, request.max_new_tokens);
    }
    for (int choice = 0; choice < request.choices; ++choice) {
      choices_[{request.id, choice}] = {
          .request = request,
          .want = FakeRunner::answer(capped, choice),
          .may_fail = may_fail,
          .too_long = prompt > max_length};
    }
  }

  void cancelled(const CancelRequest& cancel) {
    for (auto& [key, choice] : choices_) {
      if (key.first == cancel.id &&
          (cancel.choice == kAllChoices || cancel.choice == key.second)) {
        choice.cancelled = true;
      }
    }
  }

  void came(int shard, const StepEvents& events) {
    for (const TokenEvent& event : events) {
      const auto found = choices_.find({event.id, event.choice});
      ASSERT_NE(found, choices_.end()) << "an answer nobody asked for";
      Choice& choice = found->second;
      EXPECT_EQ(choice.request.shard, shard);
      EXPECT_FALSE(choice.finish) << "event.order: after the finish";
      take(choice, event);
    }
  }

  // A cancelled choice has its finish one step later.
  void expect_cancelled_are_finished() const {
    for (const auto& [key, choice] : choices_) {
      EXPECT_TRUE(!choice.cancelled || choice.finish);
    }
  }

  void expect_all_finished() const {
    for (const auto& [key, choice] : choices_) {
      EXPECT_TRUE(choice.finish) << "seq.finish-once";
    }
  }

  const Choice& at(uint64_t request, int choice = 0) const {
    return choices_.at({RequestId{request}, choice});
  }
  const std::map<Key, Choice>& choices() const { return choices_; }
  size_t unfinished() const {
    return size_t(std::ranges::count_if(
        choices_, [](const auto& entry) { return !entry.second.finish; }));
  }

 private:
  static void take(Choice& choice, const TokenEvent& event) {
    const bool bare =
        event.token == kNoToken && !event.finish && !event.details;
    EXPECT_TRUE(!bare || !choice.started) << "left the queue twice";
    EXPECT_TRUE(bare || choice.started || event.finish);
    choice.started = choice.started || bare;
    if (event.token != kNoToken) {
      choice.got.push_back(event.token);
      EXPECT_EQ(
          choice.request.sampling.logprobs >= 0,
          event.details && event.details->logprobs);
    }
    if (event.details) {
      choice.scores.insert(
          choice.scores.end(), event.details->prompt_logprobs.begin(),
          event.details->prompt_logprobs.end());
    }
    if (event.finish) {
      choice.finish = event.finish;
      ASSERT_TRUE(event.details && event.details->stats);
      choice.stats = event.details->stats;
      choice.error = event.details->error;
      check_end(choice);
    }
  }

  static void check_end(const Choice& choice) {
    const auto& [want, got] = std::pair(choice.want, choice.got);
    const bool prefix = got.size() <= want.size() &&
                        std::equal(got.begin(), got.end(), want.begin());
    EXPECT_TRUE(prefix) << "not the lone answer";
    check_stats(choice);
    switch (*choice.finish) {
      case FinishReason::kStop:
      case FinishReason::kLength:
        EXPECT_EQ(got, want);
        EXPECT_EQ(ends(choice), *choice.finish == FinishReason::kStop);
        check_scores(choice);
        break;
      case FinishReason::kCancelled:
        EXPECT_TRUE(choice.cancelled);
        break;
      case FinishReason::kError:
        EXPECT_TRUE(choice.may_fail || choice.too_long);
        EXPECT_NE(choice.error, "");
        break;
      case FinishReason::kAbort:
        ADD_FAILURE() << "nobody aborted it";
        break;
      case FinishReason::kUnsatisfiable:
        ADD_FAILURE() << "it has no masks";
    }
  }

  static bool ends(const Choice& choice) {
    const auto& ending = choice.request.end_tokens;
    const auto& stops = choice.request.stop_tokens;
    const int generated = int(choice.got.size());
    return generated > choice.request.min_new_tokens && generated > 0 &&
           (std::ranges::count(ending, choice.got.back()) > 0 ||
            std::ranges::count(stops, choice.got.back()) > 0);
  }

  static void check_stats(const Choice& choice) {
    EXPECT_GE(choice.stats->queue_ms, 0);
    EXPECT_GE(choice.stats->prefill_ms, 0);
    EXPECT_GE(choice.stats->decode_ms, 0);
    EXPECT_EQ(choice.stats->prompt_tokens, int(choice.request.prompt.size()));
    EXPECT_LE(
        choice.stats->cached_tokens,
        std::max(choice.stats->prompt_tokens - 1, 0));
  }

  static void check_scores(const Choice& choice) {
    const auto& prompt = choice.request.prompt;
    const bool scored = choice.request.sampling.prompt_logprobs >= 0;
    if (!scored || choice.scores.empty()) {
      return;
    }
    ASSERT_EQ(choice.scores.size(), prompt.size() - 1);
    for (size_t i = 0; i < choice.scores.size(); ++i) {
      const auto want = FakeRunner::prompt_score(prompt, int(i) + 1);
      EXPECT_EQ(choice.scores[i].logprob, want.logprob) << "position " << i;
      EXPECT_EQ(choice.scores[i].rank, want.rank);
    }
  }

  std::map<Key, Choice> choices_;
};

} // namespace parallm
