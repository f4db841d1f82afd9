#include "runner/memory_plan.h"

#include <algorithm>

#include "base/check.h"

namespace parallm {
namespace {

// A sequence shorter than this is no use: below it we refuse to start. A
// guess: a system prompt, a question and an answer.
constexpr int kUsefulPositions = 2048;

// What is free now is not all ours: the file cache comes back slowly.
constexpr double kShareOfAvailable = 0.95;

constexpr double kMiB = 1 << 20;

double mib(size_t bytes) {
  return static_cast<double>(bytes) / kMiB;
}

int blocks_for(int positions, int block_tokens) {
  return (positions + block_tokens - 1) / block_tokens;
}

size_t budget_of(const MemoryWish& wish, const MachineMemory& machine) {
  const double share = wish.fraction * static_cast<double>(machine.total);
  const double now = kShareOfAvailable * static_cast<double>(machine.available);
  return static_cast<size_t>(std::min(share, now));
}

[[noreturn]] void refuse(
    const MemoryNeeds& needs, int least_blocks, size_t budget) {
  const size_t sequence = static_cast<size_t>(least_blocks) * needs.block;
  throw StartError(
      kExitNoMemory,
      fmt::format(
          "not enough memory: weights {:.1f} MiB, working memory {:.1f} MiB "
          "and one sequence of {} tokens {:.1f} MiB make {:.1f} MiB, and "
          "{:.1f} MiB may be used",
          mib(needs.weights), mib(needs.working),
          std::min(least_blocks * needs.block_tokens, needs.max_positions),
          mib(sequence), mib(needs.weights + needs.working + sequence),
          mib(budget)));
}

// What is left after weights and working memory, at most what all sequences
// together can fill.
int affordable_blocks(
    const MemoryNeeds& needs, const MemoryWish& wish, size_t budget) {
  const size_t fixed = needs.weights + needs.working;
  const size_t left = budget - std::min(budget, fixed);
  const size_t kv = wish.kv_bytes ? std::min(*wish.kv_bytes, left) : left;
  const auto most =
      static_cast<size_t>(needs.max_sequences) *
      static_cast<size_t>(blocks_for(needs.max_positions, needs.block_tokens));
  const size_t affordable = kv / needs.block;
  return static_cast<int>(
      wish.kv_bytes ? std::min<size_t>(affordable, 1 << 30)
                    : std::min(affordable, most));
}

} // namespace

std::string MemoryPlan::text() const {
  return fmt::format(
      "weights {:.1f} MiB, keys and values {:.1f} MiB ({} blocks), working "
      "memory {:.1f} MiB",
      mib(weights), mib(kv), blocks, mib(working));
}

MemoryPlan plan_memory(
    const MemoryNeeds& needs,
    const MemoryWish& wish,
    const MachineMemory& machine) {
  const size_t budget = budget_of(wish, machine);
  const int least = wish.blocks.value_or(blocks_for(
      std::min(needs.max_positions, kUsefulPositions), needs.block_tokens));
  const int blocks =
      wish.blocks.value_or(affordable_blocks(needs, wish, budget));
  const size_t kv = static_cast<size_t>(blocks) * needs.block;
  if (blocks < std::max(least, 1) ||
      needs.weights + needs.working + kv > budget) {
    refuse(needs, std::max(least, 1), budget);
  }
  return {
      needs.weights, needs.working, kv, blocks,
      static_cast<int>(std::min<int64_t>(
          needs.max_positions, int64_t{blocks} * needs.block_tokens))};
}

} // namespace parallm
