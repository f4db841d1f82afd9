#pragma once

#include <algorithm>
#include <deque>
#include <functional>

#include <set>
#include <stdexcept>

#include "base/check.h"
#include "base/hash.h"
#include "engine/model_runner.h"

namespace parallm {

struct FakeGeometry {
  int num_blocks = 0;
  int block_tokens = 0;
  int slots = 0;
  int vocabulary = 97;
  bool has_states = false; // what came before is read from the slot's state
};

// Which steps go wrong, and where. Steps count from 1, in launch order.
struct FakeFailures {
  // At odd steps before anything was done, slot changes included; at even
  // ones after half of the rows were stored.
  std::set<uint64_t> launch{};
  std::set<uint64_t> sample{};
  std::set<uint64_t> collect{};
  std::set<std::pair<uint64_t, int>> rows{}; // (step, row)
};

// A model with no arithmetic but a real cache and a real slot table. It keeps
// what it was fed in the blocks of the slot's table, and each entry depends on
// all before it, as keys and values do. The next token is a hash of the whole
// history as read back from the blocks: a lost token, a stale block, a mixed
// row or a wrong table changes the answer. With states, entries depend on the
// slot's, which follows what is fed and cannot go back.
class FakeRunner : public ModelRunner {
 public:
  explicit FakeRunner(FakeGeometry geometry, FakeFailures failures = {})
      : geometry_(geometry),
        failures_(std::move(failures)),
        store_(size_t(geometry.num_blocks) * size_t(geometry.block_tokens)),
        slots_(size_t(geometry.slots)),
        states_(size_t(geometry.slots)) {}

  void launch(const StepPlan& plan) override {
    ++launched_;
    PARALLM_CHECK(steps_.size() < 2, "a third step is launched");
    const bool fails = failures_.launch.contains(launched_);
    if (fails && launched_ % 2 == 1) { // before even the slot changes
      throw std::runtime_error("[fake] launch");
    }
    for (const SlotChange& change : plan.slots) {
      apply(change);
    }
    size_t left = fails ? plan.rows.size() / 2 : plan.rows.size();
    Step step{.result = {.id = plan.id}, .number = launched_};
    for (const StepRow& row : plan.rows) {
      if (left-- == 0) {
        break;
      }
      step.result.rows.push_back(feed(row));
    }
    if (fails) {
      throw std::runtime_error("[fake] launch");
    }
    steps_.push_back(std::move(step));
  }

  void sample(const StepPlan& plan) override {
    Step& step = steps_.back();
    PARALLM_CHECK(step.result.id == plan.id, "sample out of order");
    if (failures_.sample.contains(step.number)) {
      steps_.pop_back();
      throw std::runtime_error("[fake] sample");
    }
    for (size_t i = 0; i < plan.rows.size(); ++i) {
      if (plan.rows[i].heads.sample) {
        draw(plan.rows[i], step.result.rows[i]);
      }
      if (failures_.rows.contains({step.number, int(i)})) {
        step.result.rows[i] = {.error = "[fake] row"};
      }
    }
  }

  StepResult collect() override {
    PARALLM_CHECK(!steps_.empty(), "nothing to collect");
    Step step = std::move(steps_.front());
    steps_.pop_front();
    if (failures_.collect.contains(step.number)) {
      throw std::runtime_error("[fake] collect");
    }
    return std::move(step.result);
  }

  uint64_t launched_steps() const { return launched_; }

  // What a lone request would get: `tokens` of them, unless it ends before.
  static std::vector<TokenId> answer(
      const GenerateRequest& request, int choice, int vocabulary = 97) {
    std::vector<uint64_t> entries;
    for (const TokenId token : request.prompt) {
      entries.push_back(entry_after(entries, token));
    }
    std::vector<TokenId> ending = request.end_tokens;
    ending.insert(
        ending.end(), request.stop_tokens.begin(), request.stop_tokens.end());
    std::vector<TokenId> tokens;
    for (int i = 0; i < request.max_new_tokens; ++i) {
      const uint64_t seed = draw_seed(request.sampling.seed, choice);
      const auto masked =
          i < request.min_new_tokens ? ending : std::vector<TokenId>{};
      tokens.push_back(pick(entries, seed, vocabulary, masked));
      entries.push_back(entry_after(entries, tokens.back()));
      if (i >= request.min_new_tokens && contains(ending, tokens.back())) {
        break;
      }
    }
    return tokens;
  }

  // What the prompt said about the token at `position` (from 1).
  static TokenLogprobs prompt_score(
      const std::vector<TokenId>& prompt, int position) {
    std::vector<uint64_t> entries;
    for (int i = 0; i < position; ++i) {
      entries.push_back(entry_after(entries, prompt[size_t(i)]));
    }
    return score(entries, prompt[size_t(position)], 0);
  }

 private:
  struct SlotState {
    bool open = false;
    SeqId seq{};
    uint64_t seed = 0;
    int logprobs = -1;
    int prompt_logprobs = -1;
    int prompt_tokens = 0;
    int min_new_tokens = 0;
    std::vector<TokenId> ending{};
    std::vector<BlockId> blocks{};
    TokenId newest = kNoToken; // sampled, not yet fed
  };
  struct Step {
    StepResult result{};
    uint64_t number = 0;
  };

  static bool contains(const std::vector<TokenId>& tokens, TokenId token) {
    return std::find(tokens.begin(), tokens.end(), token) != tokens.end();
  }
  static uint64_t entry_after(
      const std::vector<uint64_t>& before, TokenId token) {
    const uint64_t last = before.empty() ? 1 : before.back();
    return hash_combine(last, uint64_t(token));
  }
  static uint64_t draw_seed(uint64_t seed, int choice) {
    return hash_combine(seed, uint64_t(choice));
  }
  static uint64_t digest(const std::vector<uint64_t>& entries) {
    uint64_t sum = entries.size();
    for (const uint64_t entry : entries) {
      sum = hash_combine(sum, entry);
    }
    return sum;
  }
  static TokenId pick(
      const std::vector<uint64_t>& entries,
      uint64_t seed,
      int vocabulary,
      const std::vector<TokenId>& masked) {
    const uint64_t drawn = hash_combine(digest(entries), seed);
    TokenId token = TokenId(drawn % uint64_t(vocabulary));
    for (int i = 0; i < vocabulary && contains(masked, token); ++i) {
      token = (token + 1) % vocabulary;
    }
    return token;
  }
  static TokenLogprobs score(
      const std::vector<uint64_t>& entries, TokenId token, int alternatives) {
    const uint64_t said = hash_combine(digest(entries), uint64_t(token));
    TokenLogprobs score{
        .logprob = -float(said % 1000) / 100, .rank = int(said % 7) + 1};
    for (int i = 0; i < alternatives; ++i) {
      score.top.push_back({TokenId(i), -float(i)});
    }
    return score;
  }

  void apply(const SlotChange& change) {
    SlotState& slot = slots_.at(size_t(change.slot));
    if (change.kind == SlotChange::Kind::kClose) {
      slot = {};
      return;
    }
    PARALLM_CHECK(
        !slot.open || !failures_.launch.empty(), "slot {} is opened twice",
        change.slot);
    PARALLM_CHECK(
        int(change.history.size()) >= change.prompt_tokens, "a history of {}",
        change.history.size());
    slot = {
        .open = true,
        .seq = change.seq,
        .seed = draw_seed(change.sampling.seed, change.choice),
        .logprobs = change.sampling.logprobs,
        .prompt_logprobs = change.sampling.prompt_logprobs,
        .prompt_tokens = change.prompt_tokens,
        .min_new_tokens = change.min_new_tokens,
        .ending = change.ending_tokens};
  }

  SlotState& slot_of(const StepRow& row) {
    SlotState& slot = slots_.at(size_t(row.slot));
    PARALLM_CHECK(
        slot.open && slot.seq == row.seq, "slot {} is not open", row.slot);
    return slot;
  }

  uint64_t& entry(const SlotState& slot, int position) {
    const int block = slot.blocks.at(size_t(position / geometry_.block_tokens));
    return store_.at(size_t(
        block * geometry_.block_tokens + position % geometry_.block_tokens));
  }

  std::vector<uint64_t> read(const SlotState& slot, int end) {
    std::vector<uint64_t> entries;
    for (int i = 0; i < end; ++i) {
      entries.push_back(entry(slot, i));
    }
    return entries;
  }

  uint64_t advance(int slot, int position, TokenId token) {
    uint64_t& state = states_[size_t(slot)];
    state = hash_combine(position == 0 ? 1 : state, uint64_t(token));
    return state;
  }

  // Stores the row's tokens and scores them if asked to.
  RowResult feed(const StepRow& row) {
    SlotState& slot = slot_of(row);
    slot.blocks.insert(
        slot.blocks.end(), row.new_blocks.begin(), row.new_blocks.end());
    std::vector<TokenId> tokens = row.tokens;
    if (tokens.empty()) {
      PARALLM_CHECK(slot.newest != kNoToken, "no token on the device");
      tokens.push_back(slot.newest);
    }
    slot.newest = kNoToken;
    PARALLM_CHECK(
        row.begin < row.end && int(tokens.size()) == row.end - row.begin,
        "{} tokens for [{}, {})", tokens.size(), row.begin, row.end);
    RowResult result;
    std::vector<uint64_t> entries = read(slot, row.begin);
    for (size_t i = 0; i < tokens.size(); ++i) {
      entries.push_back(
          geometry_.has_states
              ? advance(row.slot, row.begin + int(i), tokens[i])
              : entry_after(entries, tokens[i]));
      entry(slot, row.begin + int(i)) = entries.back();
      const TokenId next =
          i + 1 < tokens.size() ? tokens[i + 1] : row.next_token;
      if (row.heads.prompt_logprobs && next != kNoToken) {
        result.prompt_logprobs.push_back(
            score(entries, next, slot.prompt_logprobs));
      }
    }
    return result;
  }

  void draw(const StepRow& row, RowResult& result) {
    SlotState& slot = slot_of(row);
    const auto entries = read(slot, row.end);
    const bool may_end = row.end - slot.prompt_tokens >= slot.min_new_tokens;
    slot.newest = pick(
        entries, slot.seed, geometry_.vocabulary,
        may_end ? std::vector<TokenId>{} : slot.ending);
    result.accepted = {slot.newest};
    if (slot.logprobs >= 0) {
      result.logprobs = {score(entries, slot.newest, slot.logprobs)};
    }
  }

  FakeGeometry geometry_;
  FakeFailures failures_;
  std::vector<uint64_t> store_; // (blocks, block tokens)
  std::vector<SlotState> slots_;
  std::vector<uint64_t> states_; // by slot
  std::deque<Step> steps_;       // launched, not collected
  uint64_t launched_ = 0;
};

} // namespace parallm
