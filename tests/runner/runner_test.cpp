#include "runner/runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <future>
#include <numeric>

#include "base/check.h"
#include "kernels/cpu_primitive.h"
#include "models/load.h"
#include "tests/runner/toy_model.h"

// Plans by hand, without a scheduler.
namespace parallm {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr int kBlockTokens = 4;
constexpr int kBlocksEach = 16; // of a sequence; sequence s has its own

SlotChange open(int s, std::vector<TokenId> history, SamplingParams params) {
  SlotChange change;
  change.slot = s;
  change.seq = SeqId{static_cast<uint64_t>(s) + 1};
  change.prompt_tokens = static_cast<int>(history.size());
  change.history = std::move(history);
  change.sampling = std::move(params);
  return change;
}

// The blocks that hold positions [begin, end) and none before.
std::vector<BlockId> new_blocks(int s, int begin, int end) {
  const int first = (begin + kBlockTokens - 1) / kBlockTokens;
  std::vector<BlockId> blocks(
      static_cast<size_t>((end + kBlockTokens - 1) / kBlockTokens - first));
  std::iota(blocks.begin(), blocks.end(), s * kBlocksEach + first);
  return blocks;
}

StepRow feed(int s, int begin, std::vector<TokenId> tokens) {
  StepRow row;
  row.slot = s;
  row.seq = SeqId{static_cast<uint64_t>(s) + 1};
  row.begin = begin;
  row.end = begin + static_cast<int>(tokens.size());
  row.tokens = std::move(tokens);
  row.new_blocks = new_blocks(s, row.begin, row.end);
  row.heads.sample = true;
  return row;
}

// Feeds the token that the step before has sampled.
StepRow go_on(int s, int begin) {
  StepRow row = feed(s, begin, {0});
  row.tokens.clear();
  return row;
}

SamplingParams greedy() {
  return {.temperature = 0};
}

// A loaded model that gets into trouble behind its last layer.
class TroubledModel : public Model {
 public:
  TroubledModel(
      std::unique_ptr<Model> model, std::shared_ptr<const ToyTrouble> trouble)
      : model_(std::move(model)), trouble_(std::move(trouble)) {}

  const ModelShape& shape() const override { return model_->shape(); }
  mx::array hidden(const StepInput& in, StepContext& ctx) const override {
    const auto x = model_->hidden(in, ctx);
    return trouble_->in_hidden ? trouble_->in_hidden(x) : x;
  }
  mx::array logits(const mx::array& rows) const override {
    return model_->logits(rows);
  }

 private:
  std::unique_ptr<Model> model_;
  std::shared_ptr<const ToyTrouble> trouble_;
};

KvGeometry geometry_of(const ModelShape& shape) {
  return {
      .layers = shape.kv_layers,
      .blocks = 8 * kBlocksEach,
      .block_tokens = kBlockTokens,
      .kv_heads = shape.kv_heads,
      .head_dim = shape.head_dim,
      .dtype = shape.dtype,
      .states = shape.states,
      .state_slots = 8};
}

using MakeModel = std::unique_ptr<Model> (*)(std::shared_ptr<const ToyTrouble>);

std::unique_ptr<Model> make_toy(std::shared_ptr<const ToyTrouble> trouble) {
  return std::make_unique<ToyModel>(std::move(trouble));
}

class RunnerTest : public testing::Test {
 protected:
  explicit RunnerTest(MakeModel make = make_toy)
      : runner_(runner_of(make(trouble_))) {}

  static Runner runner_of(std::unique_ptr<Model> model) {
    const ModelShape shape = model->shape();
    return Runner(std::move(model), geometry_of(shape));
  }

  StepPlan plan(std::vector<StepRow> rows, std::vector<SlotChange> slots = {}) {
    StepPlan plan;
    plan.id = StepId{++last_id_};
    plan.rows = std::move(rows);
    plan.slots = std::move(slots);
    return plan;
  }

  StepResult run(const StepPlan& plan) {
    runner_.launch(plan);
    runner_.sample(plan);
    StepResult result = runner_.collect();
    EXPECT_EQ(result.id, plan.id);
    EXPECT_EQ(result.rows.size(), plan.rows.size());
    return result;
  }

  // The next `count` tokens of one sequence, one step at a time.
  std::vector<TokenId> generate(
      int s, std::vector<TokenId> prompt, SamplingParams params, int count) {
    std::vector<TokenId> tokens;
    int end = static_cast<int>(prompt.size());
    auto result =
        run(plan({feed(s, 0, prompt)}, {open(s, prompt, std::move(params))}));
    for (int i = 0; i < count; ++i) {
      EXPECT_THAT(result.rows[0].accepted, SizeIs(1)) << result.rows[0].error;
      tokens.push_back(result.rows[0].accepted.at(0));
      result = run(plan({feed(s, end++, {tokens.back()})}));
    }
    return tokens;
  }

  std::shared_ptr<ToyTrouble> trouble_ = std::make_shared<ToyTrouble>();
  Runner runner_;
  uint64_t last_id_ = 0;
};

const std::vector<TokenId> kPrompt{3, 1, 4, 1, 5, 9, 2};

TEST_F(RunnerTest, TokensOnTheDeviceAreFedWithoutBeingCollected) {
  const auto alone = generate(0, kPrompt, greedy(), 6);
  std::vector<TokenId> tokens;
  StepPlan last = plan({feed(1, 0, kPrompt)}, {open(1, kPrompt, greedy())});
  runner_.launch(last);
  runner_.sample(last);
  for (int i = 0; i < 6; ++i) {
    StepPlan next = plan({go_on(1, 7 + i)});
    runner_.launch(next);
    tokens.push_back(runner_.collect().rows[0].accepted.at(0));
    runner_.sample(next);
  }
  EXPECT_EQ(tokens, alone);
}

TEST_F(RunnerTest, RowsMayComeAndGoBetweenStepsInFlight) {
  const auto first = generate(0, kPrompt, greedy(), 3);
  const auto second = generate(1, {8, 8}, greedy(), 2);
  const StepPlan a = plan(
      {feed(2, 0, kPrompt), feed(3, 0, {8, 8})},
      {open(2, kPrompt, greedy()), open(3, {8, 8}, greedy())});
  runner_.launch(a);
  runner_.sample(a);
  const StepPlan b =
      plan({feed(4, 0, {7}), go_on(3, 2)}, {open(4, {7}, greedy())});
  runner_.launch(b); // sequence 2 sits this one out
  EXPECT_EQ(runner_.collect().rows[1].accepted[0], second[0]);
  runner_.sample(b);
  const StepPlan c = plan({go_on(2, 7)});
  runner_.launch(c); // its token was collected: the host knows it
  EXPECT_EQ(runner_.collect().rows[1].accepted[0], second[1]);
  runner_.sample(c);
  EXPECT_EQ(runner_.collect().rows[0].accepted[0], first[1]);
}

TEST_F(RunnerTest, AChunkWithoutSampleAcceptsNothing) {
  const auto whole = generate(0, kPrompt, greedy(), 1);
  StepRow chunk = feed(1, 0, {3, 1, 4});
  chunk.heads.sample = false;
  const auto part = run(plan({chunk}, {open(1, kPrompt, greedy())}));
  EXPECT_THAT(part.rows[0].accepted, IsEmpty());
  EXPECT_EQ(part.rows[0].error, "");
  const auto rest = run(plan({feed(1, 3, {1, 5, 9, 2})}));
  EXPECT_THAT(rest.rows[0].accepted, ElementsAreArray(whole));
}

TEST_F(RunnerTest, AStepOfSlotChangesOnlyHasNoRows) {
  const auto result = run(plan({}, {open(0, kPrompt, greedy())}));
  EXPECT_THAT(result.rows, IsEmpty());
}

TEST_F(RunnerTest, EachChoiceOfOneSeedHasItsOwnNoise) {
  std::vector<std::vector<TokenId>> answers;
  for (int choice : {0, 1, 1}) {
    SlotChange slot = open(0, kPrompt, {.temperature = 3, .seed = 9});
    slot.choice = choice;
    std::vector<TokenId> tokens;
    auto result = run(plan({feed(0, 0, kPrompt)}, {slot}));
    for (int i = 0; i < 8; ++i) {
      tokens.push_back(result.rows[0].accepted.at(0));
      result = run(plan({feed(0, 7 + i, {tokens.back()})}));
    }
    answers.push_back(tokens);
  }
  EXPECT_NE(answers[0], answers[1]);
  EXPECT_EQ(answers[1], answers[2]);
}

TEST_F(RunnerTest, PenaltiesLookBackOnPromptAndOutput) {
  SamplingParams params = greedy();
  params.repetition_penalty = 10;
  params.logit_bias.push_back({3, 1000.0f});
  // The bias outweighs the penalty: the answer repeats token 3 ...
  EXPECT_THAT(generate(0, kPrompt, params, 3), ElementsAre(3, 3, 3));
  params.frequency_penalty = 100; // ... until it has come too often
  const auto tokens = generate(0, kPrompt, params, 40);
  EXPECT_EQ(tokens[0], 3);
  EXPECT_NE(std::count(tokens.begin(), tokens.end(), 3), 40);
}

TEST_F(RunnerTest, LogprobsOfARowAreThoseOfItsToken) {
  SamplingParams params = greedy();
  params.logprobs = 3;
  const auto result =
      run(plan({feed(0, 0, kPrompt)}, {open(0, kPrompt, params)}));
  ASSERT_THAT(result.rows[0].logprobs, SizeIs(1));
  const TokenLogprobs& scores = result.rows[0].logprobs[0];
  ASSERT_THAT(scores.top, SizeIs(3));
  EXPECT_EQ(scores.top[0].id, result.rows[0].accepted[0]);
  EXPECT_EQ(scores.top[0].logprob, scores.logprob);
  EXPECT_EQ(scores.rank, 1);
}

std::vector<TokenLogprobs> join(
    std::vector<TokenLogprobs> a, const std::vector<TokenLogprobs>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

void expect_equal(
    const std::vector<TokenLogprobs>& a, const std::vector<TokenLogprobs>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].logprob, b[i].logprob);
    EXPECT_EQ(a[i].rank, b[i].rank);
    ASSERT_EQ(a[i].top.size(), b[i].top.size());
    for (size_t k = 0; k < a[i].top.size(); ++k) {
      EXPECT_EQ(a[i].top[k].id, b[i].top[k].id);
      EXPECT_EQ(a[i].top[k].logprob, b[i].top[k].logprob);
    }
  }
}

TEST_F(RunnerTest, PromptLogprobsAreTheSameWholeAndInChunks) {
  std::vector<TokenId> prompt;
  for (int i = 0; i < 50; ++i) {
    prompt.push_back((i * i + 3) % ToyModel::kVocab);
  }
  SamplingParams params = greedy();
  params.prompt_logprobs = 2;
  StepRow whole = feed(0, 0, prompt);
  whole.heads.prompt_logprobs = true;
  const auto at_once = run(plan({whole}, {open(0, prompt, params)}));
  EXPECT_THAT(at_once.rows[0].prompt_logprobs, SizeIs(49));

  StepRow first = feed(1, 0, {prompt.begin(), prompt.begin() + 21});
  first.heads = {.sample = false, .prompt_logprobs = true};
  first.next_token = prompt[21];
  StepRow second = feed(1, 21, {prompt.begin() + 21, prompt.end()});
  second.heads.prompt_logprobs = true;
  const auto head = run(plan({first}, {open(1, prompt, params)}));
  const auto tail = run(plan({feed(2, 0, {5}), second}, {open(2, {5}, {})}));
  EXPECT_THAT(head.rows[0].prompt_logprobs, SizeIs(21));
  EXPECT_THAT(tail.rows[0].prompt_logprobs, IsEmpty());
  expect_equal(
      at_once.rows[0].prompt_logprobs,
      join(head.rows[0].prompt_logprobs, tail.rows[1].prompt_logprobs));
  EXPECT_EQ(at_once.rows[0].accepted, tail.rows[1].accepted);
}

TEST_F(RunnerTest, PromptLogprobsEqualThoseOfTheTokensWhenGenerated) {
  SamplingParams params = greedy();
  params.logprobs = 0;
  std::vector<TokenLogprobs> drawn;
  std::vector<TokenId> all = kPrompt;
  auto result = run(plan({feed(0, 0, kPrompt)}, {open(0, kPrompt, params)}));
  for (int i = 0; i < 4; ++i) {
    drawn.push_back(result.rows[0].logprobs.at(0));
    all.push_back(result.rows[0].accepted.at(0));
    result = run(plan({feed(0, 7 + i, {all.back()})}));
  }
  params.prompt_logprobs = 0;
  StepRow row = feed(1, 0, all);
  row.heads.prompt_logprobs = true;
  const auto scored = run(plan({row}, {open(1, all, params)}));
  const auto& prompt = scored.rows[0].prompt_logprobs;
  expect_equal(drawn, {prompt.end() - 4, prompt.end()});
}

// What is added to the logits of one row of the step; the rest gets 0.
mx::array poison_row(const mx::array& logits, int poisoned) {
  std::vector<float> poison(static_cast<size_t>(logits.shape(0)));
  poison[static_cast<size_t>(poisoned)] = std::nanf("");
  return logits + mx::array(poison.begin(), {logits.shape(0), 1});
}

TEST_F(RunnerTest, PoisonedLogitsFailTheirRowOnly) {
  const auto good = generate(0, kPrompt, {.seed = 4}, 2);
  trouble_->in_logits = [](const mx::array& l) { return poison_row(l, 0); };
  const auto result = run(plan(
      {feed(1, 0, {7, 7}), feed(2, 0, kPrompt)},
      {open(1, {7, 7}, {}), open(2, kPrompt, {.seed = 4})}));
  EXPECT_THAT(result.rows[0].error, HasSubstr("not finite"));
  EXPECT_THAT(result.rows[0].accepted, IsEmpty());
  EXPECT_EQ(result.rows[1].error, "");
  EXPECT_THAT(result.rows[1].accepted, ElementsAre(good[0]));
}

TEST_F(RunnerTest, PoisonedPromptScoresFailTheirRowOnly) {
  trouble_->in_logits = [](const mx::array& l) {
    return l.shape(0) > 2 ? poison_row(l, 1) : l; // the slice, not the draw
  };
  StepRow row = feed(0, 0, kPrompt);
  row.heads.prompt_logprobs = true;
  const auto result = run(plan(
      {row, feed(1, 0, {7, 7})},
      {open(0, kPrompt, {.prompt_logprobs = 1}), open(1, {7, 7}, {})}));
  EXPECT_THAT(result.rows[0].error, HasSubstr("not finite"));
  EXPECT_EQ(result.rows[1].error, "");
}

TEST_F(RunnerTest, ARowWithoutItsTokenFailsAndItsNeighbourGoesOn) {
  const auto good = generate(0, kPrompt, greedy(), 2);
  trouble_->in_logits = [](const mx::array& l) { return poison_row(l, 0); };
  const StepPlan a = plan(
      {feed(1, 0, {7, 7}), feed(2, 0, kPrompt)},
      {open(1, {7, 7}, {}), open(2, kPrompt, greedy())});
  runner_.launch(a);
  runner_.sample(a);
  trouble_->in_logits = {};
  const StepPlan b = plan({go_on(1, 2), go_on(2, 7)});
  runner_.launch(b); // before anybody knows that sequence 1 has failed
  runner_.collect();
  runner_.sample(b);
  const auto result = runner_.collect();
  EXPECT_NE(result.rows[0].error, "");
  EXPECT_THAT(result.rows[0].accepted, IsEmpty());
  EXPECT_THAT(result.rows[1].accepted, ElementsAre(good[1]));
}

TEST_F(RunnerTest, AnUnsatisfiableMaskFailsItsRowOnly) {
  SamplingParams params;
  params.allowed_tokens = {5};
  params.bad_words = {{5}};
  const auto result = run(plan(
      {feed(0, 0, {7}), feed(1, 0, kPrompt)},
      {open(0, {7}, params), open(1, kPrompt, {})}));
  EXPECT_NE(result.rows[0].error, "");
  EXPECT_TRUE(result.rows[0].unsatisfiable);
  EXPECT_THAT(result.rows[1].accepted, SizeIs(1));
}

// How long a primitive waits for its gate: a bug that keeps it shut fails.
constexpr std::chrono::seconds kMostWait{20};

// A primitive that fails: when it is put on the stream, or when it runs.
class Failing : public CpuPrimitive {
 public:
  enum class When : uint8_t { kEncoded, kRun };
  // `go`: what runs on the device waits for it.
  explicit Failing(When when, std::shared_future<void> go = {})
      : CpuPrimitive(kernel_stream(), "Failing"),
        when_(when),
        go_(std::move(go)) {}

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    if (when_ == When::kEncoded) {
      throw std::runtime_error("encoded");
    }
    allocate(out[0]);
    encoder(in, out).dispatch([go = go_] {
      if (go.valid()) {
        go.wait_for(kMostWait);
      }
      throw std::runtime_error("run");
    });
  }

 private:
  When when_;
  std::shared_future<void> go_;
};

std::function<mx::array(const mx::array&)> failing(Failing::When when) {
  return [when](const mx::array& x) {
    return mx::array(
        x.shape(), x.dtype(), std::make_shared<Failing>(when), {x});
  };
}

// Passes its input on, once it may: a step that is still in flight.
class Held : public CpuPrimitive {
 public:
  explicit Held(std::shared_future<void> go)
      : CpuPrimitive(kernel_stream(), "Held"), go_(std::move(go)) {}

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    allocate(out[0]);
    encoder(in, out).dispatch([go = go_, from = RowMajor(in[0]),
                               to = out[0].data<char>(),
                               bytes = out[0].nbytes()]() mutable {
      PARALLM_CHECK(
          go.wait_for(kMostWait) == std::future_status::ready, "shut");
      std::memcpy(to, from.data(), bytes);
    });
  }

 private:
  std::shared_future<void> go_;
};

class RunnerFailure : public RunnerTest {
 protected:
  using RunnerTest::RunnerTest;

  // Sequence 1 goes on, one token a step; what it says must never change.
  void begin() {
    good_ = generate(0, kPrompt, greedy(), 4);
    const auto result =
        run(plan({feed(1, 0, kPrompt)}, {open(1, kPrompt, greedy())}));
    EXPECT_EQ(result.rows[0].accepted[0], good_[0]);
  }
  void expect_fit(int tokens_so_far = 1) {
    trouble_->in_hidden = {};
    trouble_->in_logits = {};
    for (int i = tokens_so_far - 1; i < 3; ++i) {
      const size_t next = static_cast<size_t>(i) + 1;
      const auto result = run(plan({feed(1, 7 + i, {good_[next - 1]})}));
      EXPECT_THAT(result.rows[0].accepted, ElementsAre(good_[next]));
    }
    EXPECT_EQ(generate(3, kPrompt, greedy(), 4), good_);
  }
  StepPlan doomed() {
    return plan({feed(2, 0, {6, 6, 6})}, {open(2, {6, 6, 6}, greedy())});
  }
  void throw_in_launch_beside_one_in_flight() {
    begin();
    const StepPlan last = plan({feed(1, 7, {good_[0]})});
    runner_.launch(last);
    runner_.sample(last);
    trouble_->in_hidden = failing(Failing::When::kEncoded);
    EXPECT_THROW(runner_.launch(doomed()), std::runtime_error);
    EXPECT_THAT(runner_.collect().rows[0].accepted, ElementsAre(good_[1]));
  }
  // Runs `bad`, which fails on the device once `behind` is launched.
  void fail_with(const StepPlan& bad, const StepPlan& behind) {
    std::promise<void> gate;
    trouble_->in_hidden = [go = gate.get_future().share()](const mx::array& x) {
      return mx::array(
          x.shape(), x.dtype(),
          std::make_shared<Failing>(Failing::When::kRun, go), {x});
    };
    runner_.launch(bad);
    runner_.sample(bad);
    trouble_->in_hidden = {};
    runner_.launch(behind);
    gate.set_value();
    EXPECT_ANY_THROW(runner_.collect());
  }
  std::vector<TokenId> good_;
};

TEST_F(RunnerFailure, AThrowWhileTheGraphIsBuiltCostsThatStepOnly) {
  begin();
  trouble_->in_hidden = [](const mx::array&) -> mx::array {
    throw std::runtime_error("built");
  };
  EXPECT_THROW(runner_.launch(doomed()), std::runtime_error);
  expect_fit();
}

TEST_F(RunnerFailure, AThrowWhileTheGraphIsEncodedCostsThatStepOnly) {
  begin();
  trouble_->in_hidden = failing(Failing::When::kEncoded);
  EXPECT_THROW(runner_.launch(doomed()), std::runtime_error);
  expect_fit();
}

TEST_F(RunnerFailure, AThrowOnTheDeviceCostsThatStepOnly) {
  begin();
  trouble_->in_hidden = failing(Failing::When::kRun);
  EXPECT_ANY_THROW(run(doomed()));
  expect_fit();
}

// The next step is launched before the failed one is waited for. It may fail
// with it, but what follows must not.
TEST_F(RunnerFailure, AThrowOnTheDeviceWithAStepBehindItIsSurvived) {
  begin();
  const StepPlan bad = doomed();
  const StepPlan behind = plan({feed(1, 7, {good_[0]})});
  fail_with(bad, behind);
  int tokens_so_far = 1;
  try {
    runner_.sample(behind);
    const RowResult row = runner_.collect().rows[0];
    EXPECT_EQ(row.error, "");
    EXPECT_THAT(row.accepted, ElementsAre(good_[1]));
    tokens_so_far = 2;
  } catch (const std::exception& error) {
    RecordProperty("behind", error.what());
  }
  expect_fit(tokens_so_far);
}

// The same, but the step behind feeds what the failed one was to sample.
TEST_F(RunnerFailure, ATokenThatNeverCameIsNotFedInSilence) {
  begin();
  StepPlan bad = doomed();
  bad.rows.push_back(feed(1, 7, {good_[0]}));
  const StepPlan behind = plan({go_on(1, 8)});
  fail_with(bad, behind);
  try {
    runner_.sample(behind);
    const RowResult row = runner_.collect().rows[0];
    EXPECT_NE(row.error, "");
    EXPECT_THAT(row.accepted, IsEmpty());
  } catch (const std::exception& error) {
    RecordProperty("behind", error.what());
  }
  expect_fit();
}

TEST_F(RunnerFailure, AThrowInSampleCostsThatStepOnly) {
  begin();
  StepPlan step = doomed();
  step.slots[0].sampling.prompt_logprobs = 1;
  step.rows[0].heads.prompt_logprobs = true;
  runner_.launch(step);
  trouble_->in_logits = [](const mx::array&) -> mx::array {
    throw std::runtime_error("scored");
  };
  EXPECT_THROW(runner_.sample(step), std::runtime_error);
  EXPECT_THROW(runner_.collect(), CheckFailed);
  expect_fit();
}

TEST_F(RunnerFailure, AThrowInLaunchLeavesTheStepInFlightWhole) {
  throw_in_launch_beside_one_in_flight();
  expect_fit(2);
}

// Whoever waited for it here would wait forever.
TEST_F(RunnerFailure, AThrowInLaunchDoesNotWaitForTheStepInFlight) {
  begin();
  std::promise<void> gate;
  trouble_->in_hidden = [go = gate.get_future().share()](const mx::array& x) {
    return mx::array(x.shape(), x.dtype(), std::make_shared<Held>(go), {x});
  };
  const StepPlan last = plan({feed(1, 7, {good_[0]})});
  runner_.launch(last);
  runner_.sample(last);
  trouble_->in_hidden = [](const mx::array&) -> mx::array {
    throw std::runtime_error("built");
  };
  EXPECT_THROW(runner_.launch(doomed()), std::runtime_error);
  gate.set_value();
  EXPECT_THAT(runner_.collect().rows[0].accepted, ElementsAre(good_[1]));
  expect_fit(2);
}

TEST_F(RunnerFailure, ABadPlanIsRefusedAndForgotten) {
  begin();
  StepPlan unknown_slot = plan({feed(5, 0, {1})});
  EXPECT_THROW(runner_.launch(unknown_slot), CheckFailed);
  StepPlan bad_token =
      plan({feed(2, 0, {ToyModel::kVocab})}, {open(2, {1}, greedy())});
  EXPECT_THROW(runner_.launch(bad_token), CheckFailed);
  StepPlan no_token = plan({go_on(2, 1)}, {open(2, {1}, greedy())});
  EXPECT_THROW(runner_.launch(no_token), CheckFailed);
  expect_fit();
}

// Models whose layers keep states. Those of a failed step are half written, and
// no position can be fed again: whoever was in it has failed.
class RunnerStates : public RunnerFailure,
                     public testing::WithParamInterface<const char*> {
 protected:
  RunnerStates() : RunnerFailure(make_troubled) {}

  static std::unique_ptr<Model> make_troubled(
      std::shared_ptr<const ToyTrouble> trouble) {
    const std::string models = PARALLM_TEST_DATA "/models/";
    return std::make_unique<TroubledModel>(
        load_model(models + GetParam()), std::move(trouble));
  }

  // Also in the slot of the failed step.
  void expect_all_fit(int tokens_so_far = 1) {
    expect_fit(tokens_so_far);
    EXPECT_EQ(generate(2, kPrompt, greedy(), 4), good_);
  }
};

TEST_P(RunnerStates, ASlotTakenAgainBeginsAnew) {
  const auto good = generate(0, kPrompt, greedy(), 4);
  generate(1, {6, 6, 6}, greedy(), 3);
  EXPECT_EQ(generate(1, kPrompt, greedy(), 4), good);
}

TEST_P(RunnerStates, AFailedStepLeavesThoseOfOthersAlone) {
  for (const auto when : {Failing::When::kEncoded, Failing::When::kRun}) {
    begin();
    trouble_->in_hidden = failing(when);
    EXPECT_ANY_THROW(run(doomed()));
    expect_all_fit();
  }
}

TEST_P(RunnerStates, AThrowInLaunchLeavesThoseOfTheStepInFlightWhole) {
  throw_in_launch_beside_one_in_flight();
  expect_all_fit(2);
}

// It was planned before anybody knew that its sequence had ended.
TEST_P(RunnerStates, ARowInVainDoesNotReachWhoTakesItsSlot) {
  const auto good = generate(0, kPrompt, greedy(), 4);
  const StepPlan last = plan({feed(2, 0, {6, 6})}, {open(2, {6, 6}, greedy())});
  runner_.launch(last);
  runner_.sample(last);
  const StepPlan in_vain = plan({go_on(2, 2)});
  runner_.launch(in_vain);
  runner_.collect();
  runner_.sample(in_vain);
  const StepPlan next = plan({feed(3, 0, {7})}, {open(3, {7}, greedy())});
  runner_.launch(next);
  runner_.collect();
  runner_.sample(next);
  runner_.collect();
  EXPECT_EQ(generate(2, kPrompt, greedy(), 4), good);
}

INSTANTIATE_TEST_SUITE_P(
    Models,
    RunnerStates,
    testing::Values("lfm2", "mamba2", "nemotron_h", "qwen3_next"),
    [](const auto& folder) { return std::string(folder.param); });

TEST_F(RunnerTest, CallsOutOfTurnAreOurMistake) {
  EXPECT_THROW(runner_.collect(), CheckFailed);
  const StepPlan a = plan({feed(0, 0, {1})}, {open(0, {1}, greedy())});
  EXPECT_THROW(runner_.sample(a), CheckFailed);
  runner_.launch(a);
  EXPECT_THROW(runner_.collect(), CheckFailed);
  EXPECT_THROW(runner_.launch(plan({go_on(0, 1)})), CheckFailed);
  runner_.sample(a);
  EXPECT_THAT(runner_.collect().rows, SizeIs(1));
}

} // namespace
} // namespace parallm
