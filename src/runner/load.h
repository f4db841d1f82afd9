#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/report.h"
#include "engine/model_runner.h"
#include "models/checkpoint_sampling.h"
#include "runner/memory_plan.h"

namespace parallm {

// Of int8 are keys and values only.
enum class NumberType : uint8_t { kAuto, kF32, kF16, kBF16, kI8 };

enum class DeviceKind : uint8_t { kAuto, kCpu, kMetal };

struct RunnerOptions {
  std::filesystem::path path{};            // of the checkpoint folder
  std::filesystem::path adapter{};         // folder; empty: none
  DeviceKind device = DeviceKind::kAuto;   // auto: the CPU, in this version
  NumberType dtype = NumberType::kAuto;    // auto: as the checkpoint says
  NumberType kv_dtype = NumberType::kAuto; // auto: f32 for f32, else bf16
  bool exact_activations = false;          // of products with packed weights
  int block_tokens = 16;
  int max_sequences = 64;             // rows of a step
  int max_step_tokens = 2048;         // of a step
  std::optional<int> max_positions{}; // of one sequence; none: the model's
  size_t answer_bytes = 0;            // kept free for answers that are gathered
  bool use_generation_config = true;  // for `sampling`; see LoadOptions
  std::optional<int> kernel_threads{}; // of the process; none: as they are
  MemoryWish memory{};
};

// What the rest of the process must know; constant.
struct LoadedGeometry {
  int blocks = 0;
  int block_tokens = 0;
  int max_positions = 0; // of one sequence
  int vocab = 0;
};

// What the folder says and what of it fits this machine; no weight is read.
struct CheckpointSummary {
  LoadedGeometry geometry{};
  MemoryNeeds needs{};
  MemoryPlan memory{};
  std::string model_type{};
  int layers = 0;
  size_t parameters = 0;                  // in the weight files, however packed
  int checkpoint_positions = 0;           // that the model was made for
  std::string quantization{};             // "affine-4bit" or "mxfp4"; or ""
  std::vector<ReportLine> architecture{}; // what the decoder is made of
  std::vector<std::string> weights{};     // how they are kept, by layer
  std::vector<std::string> left_out{};    // parts that are not built, and why
  std::string adapter{};             // "lora of rank 8 in 14 modules"; or ""
  bool has_states = false;           // beside or instead of keys and values
  bool batch_invariant = true;       // the kernels of the device are
  std::vector<TokenId> end_tokens{}; // of the checkpoint, which may name none
  CheckpointSampling sampling{};
};

// Plans memory. Any thread. Throws StartError with one line.
CheckpointSummary inspect_checkpoint(const RunnerOptions& options);

// Its two parts: without blocks and without a plan, and with them.
CheckpointSummary read_checkpoint(const RunnerOptions& options);
CheckpointSummary with_plan(
    CheckpointSummary checkpoint, const RunnerOptions& options);

// Loads what was inspected with the same options. On the engine thread, which
// must also use and destroy the runner. On the CPU it bounds the memory that
// MLX takes in this process to what is loaded and planned (MLX's cache and
// memory limit, the heap's thresholds): the last runner loaded decides, as it
// does for the threads of the kernels. Throws StartError with one line.
std::unique_ptr<ModelRunner> load_runner(
    const RunnerOptions& options, const CheckpointSummary& summary);

} // namespace parallm
