#pragma once

#include <map>
#include <set>

#include "engine/scheduler.h"
#include "tests/fakes/fake_runner.h"

namespace parallm {

// Looks at every plan with its own eyes before the fake model runs it. Keeps
// block tables of its own, made of nothing but what the plans say, and
// compares them with the pool. Complaints are gathered, not thrown: the engine
// would catch them.
class CheckedRunner : public ModelRunner {
 public:
  CheckedRunner(
      FakeGeometry geometry, SchedulerLimits limits, FakeFailures failures)
      : geometry_(geometry),
        limits_(limits),
        fake_(geometry, std::move(failures)) {}

  // The pool is watched once there is one.
  void watch(const BlockPool& pool) { pool_ = &pool; }

  void launch(const StepPlan& plan) override {
    check_step(plan);
    for (const SlotChange& change : plan.slots) {
      check_change(change);
    }
    for (const StepRow& row : plan.rows) {
      check_row(row);
    }
    for (const StepRow& row : plan.rows) {
      check_writes(row);
    }
    in_flight_.push_back(plan);
    forget_if_thrown([&] { fake_.launch(plan); });
  }

  void sample(const StepPlan& plan) override {
    forget_if_thrown([&] { fake_.sample(plan); });
  }

  StepResult collect() override {
    in_flight_.pop_front();
    return fake_.collect();
  }

  const std::vector<std::string>& complaints() const { return complaints_; }
  int64_t fed_tokens() const { return fed_tokens_; }
  uint64_t steps() const { return fake_.launched_steps(); }

 private:
  struct Table {
    SeqId seq{};
    int stored = -1; // positions; -1 until the first row
    int history = 0;
    std::vector<BlockId> blocks{};
  };

  template <class Work>
  void forget_if_thrown(const Work& work) {
    try {
      work();
    } catch (...) {
      in_flight_.pop_back();
      throw;
    }
  }

  void expect(bool holds, const std::string& what) {
    if (!holds) {
      complaints_.push_back(what);
    }
  }

  void check_step(const StepPlan& plan) {
    int tokens = 0;
    std::set<int> slots;
    for (const StepRow& row : plan.rows) {
      tokens += row.end - row.begin;
      expect(slots.insert(row.slot).second, "a slot has two rows");
      expect(row.end - row.begin <= limits_.max_chunk_tokens, "chunk too long");
    }
    fed_tokens_ += tokens;
    expect(!plan.rows.empty(), "a step without rows");
    expect(plan.id > last_id_, "step.order");
    last_id_ = plan.id;
    expect(tokens <= limits_.max_step_tokens, "too many tokens");
    expect(int(plan.rows.size()) <= limits_.max_sequences, "too many rows");
    expect(in_flight_.size() <= 1, "three steps in flight");
  }

  // Rule seq.release: nothing is closed that a launched step still uses.
  void check_change(const SlotChange& change) {
    for (const StepPlan& plan : in_flight_) {
      for (const StepRow& row : plan.rows) {
        expect(row.slot != change.slot, "seq.release: a slot in use changes");
      }
    }
    if (change.kind == SlotChange::Kind::kClose) {
      expect(tables_.erase(change.slot) == 1, "closed, but not open");
      return;
    }
    const bool opened =
        tables_
            .emplace(
                change.slot,
                Table{.seq = change.seq, .history = int(change.history.size())})
            .second;
    expect(opened, "opened, but not closed");
  }

  void check_row(const StepRow& row) {
    const auto found = tables_.find(row.slot);
    if (found == tables_.end() || found->second.seq != row.seq) {
      expect(false, "a row of a slot that is not its own");
      return;
    }
    Table& table = found->second;
    if (table.stored < 0) {
      expect(
          row.begin % geometry_.block_tokens == 0 && row.begin < table.history,
          "a prefix of part of a block, or of all");
      expect(row.begin == 0 || !limits_.has_states, "a prefix, and no state");
    } else {
      expect(row.begin == table.stored, "positions left out, or fed twice");
    }
    table.stored = row.end;
    table.blocks.insert(
        table.blocks.end(), row.new_blocks.begin(), row.new_blocks.end());
    expect(
        int(table.blocks.size()) * geometry_.block_tokens >= row.end,
        "blocks do not cover the row");
  }

  // Rule block.shared: what is written is in nobody else's table, and has no
  // key.
  void check_writes(const StepRow& row) {
    const auto& blocks = tables_[row.slot].blocks;
    const int last = (row.end - 1) / geometry_.block_tokens;
    for (int i = row.begin / geometry_.block_tokens;
         i <= last && i < int(blocks.size()); ++i) {
      const BlockId block = blocks[size_t(i)];
      expect(!pool_ || pool_->writable(block), "block.shared: pool");
      for (const auto& [slot, table] : tables_) {
        const auto uses = std::ranges::count(table.blocks, block);
        expect(uses == (slot == row.slot ? 1 : 0), "block.shared: tables");
      }
    }
  }

  FakeGeometry geometry_;
  SchedulerLimits limits_;
  FakeRunner fake_;
  const BlockPool* pool_ = nullptr;
  std::map<int, Table> tables_; // by slot
  std::deque<StepPlan> in_flight_;
  std::vector<std::string> complaints_;
  StepId last_id_{};
  int64_t fed_tokens_ = 0;
};

} // namespace parallm
