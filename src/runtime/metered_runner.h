#pragma once

#include <memory>

#include "engine/engine.h"
#include "engine/model_runner.h"
#include "metrics/server_metrics.h"

namespace parallm {

// Tells the metrics how many rows each step has and how long it took, so that
// neither engine nor runner knows an exporter. Engine thread only.
class MeteredRunner : public ModelRunner {
 public:
  MeteredRunner(std::unique_ptr<ModelRunner> runner, ServerMetrics& metrics)
      : runner_(std::move(runner)), metrics_(metrics) {}

  void launch(const StepPlan& plan) override {
    metrics_.batch_size.observe(static_cast<double>(plan.rows.size()));
    begun_ms_ = flying_ == 0 ? steady_ms() : begun_ms_;
    ++flying_;
    attempt([&] { runner_->launch(plan); });
  }
  void sample(const StepPlan& plan) override {
    attempt([&] { runner_->sample(plan); });
  }
  StepResult collect() override {
    StepResult result;
    attempt([&] { result = runner_->collect(); });
    const double now_ms = steady_ms();
    metrics_.engine_step_s.observe((now_ms - begun_ms_) / 1000);
    begun_ms_ = now_ms; // what flies already has its time from here on
    --flying_;
    return result;
  }

 private:
  // A step that throws is forgotten by the runner, and so here.
  template <class Work>
  void attempt(const Work& work) {
    try {
      work();
    } catch (...) {
      --flying_;
      throw;
    }
  }

  std::unique_ptr<ModelRunner> runner_;
  ServerMetrics& metrics_;
  int flying_ = 0; // launched and not collected
  double begun_ms_ = 0;
};

} // namespace parallm
