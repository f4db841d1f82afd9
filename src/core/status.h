#pragma once

#include <atomic>
#include <cstdint>

namespace parallm {

enum class EngineState : uint8_t { kLoading, kReady, kDraining, kFailed };

// What the engine tells the rest of the process. One writer, the engine
// thread; read on any thread. Health reports it, never a bare 200.
struct EngineStatus {
  std::atomic<EngineState> state{EngineState::kLoading};
  std::atomic<int64_t> heartbeat_ms{0}; // steady clock, at each loop turn
  std::atomic<bool> busy{false};        // there is work to step on
  std::atomic<int> running{0};          // sequences
  std::atomic<int> waiting{0};
  std::atomic<int> used_blocks{0}; // held by sequences
  std::atomic<int> total_blocks{0};
  std::atomic<uint64_t> steps{0};
  std::atomic<uint64_t> failed_steps{0};
  std::atomic<uint64_t> preemptions{0};
  std::atomic<uint64_t> prompt_tokens{0};
  std::atomic<uint64_t> generated_tokens{0};
  std::atomic<uint64_t> prefix_queries{0}; // tokens asked for
  std::atomic<uint64_t> prefix_hits{0};    // tokens found
  // Tokens not found: stored by nobody, in no whole block, to be scored.
  std::atomic<uint64_t> prefix_misses_absent{0};
  std::atomic<uint64_t> prefix_misses_tail{0};
  std::atomic<uint64_t> prefix_misses_scored{0};
};

} // namespace parallm
