#pragma once

#include <deque>
#include <memory>

#include "engine/model_runner.h"
#include "kvstore/kv_store.h"
#include "models/model.h"
#include "runner/flight.h"
#include "runner/slot_table.h"
#include "runner/step_tokens.h"

namespace parallm {

// Runs planned steps on MLX. A step's tokens stay on the device until they
// are collected; a row of the next step can feed them before that. The order
// of calls is launch(n+1), collect(n), sample(n+1). Engine thread only, from
// construction to destruction.
class Runner : public ModelRunner {
 public:
  Runner(std::unique_ptr<const Model> model, const KvGeometry& geometry);

  void launch(const StepPlan& plan) override;
  void sample(const StepPlan& plan) override;
  StepResult collect() override;

 private:
  Flight start(const StepPlan& plan);
  FlightRow start_row(const StepRow& row, StepTokens& tokens) const;
  void add_tokens(
      const StepRow& row, const SlotState& slot, StepTokens& tokens) const;
  void draw(Flight& flight);
  void score_prompts(Flight& flight);

  std::unique_ptr<const Model> model_;
  KvStore store_;
  SlotTable slots_;
  std::deque<Flight> flights_; // oldest first, at most two
};

} // namespace parallm
