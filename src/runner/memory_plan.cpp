#include "runner/memory_plan.h"

#include <algorithm>
#include <cstdint>
#include <limits>

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

size_t fixed_bytes(const MemoryNeeds& needs) {
  return needs.weights + needs.working + needs.answers + needs.heap +
         needs.states;
}

// An amount that was asked for is held to what is there, not to a share.
size_t budget_of(const MemoryWish& wish, const MachineMemory& machine) {
  if (wish.kv_bytes) {
    return machine.available;
  }
  const double share = wish.fraction * static_cast<double>(machine.total);
  const double now = kShareOfAvailable * static_cast<double>(machine.available);
  return static_cast<size_t>(std::min(share, now));
}

// Below this many we do not start.
int least_blocks(const MemoryNeeds& needs, const MemoryWish& wish) {
  const int useful = blocks_for(
      std::min(needs.max_positions, kUsefulPositions), needs.block_tokens);
  return std::max(1, wish.blocks.value_or(useful));
}

// Blocks that cost nothing keep the books all the same.
size_t paid_by(size_t bytes, const MemoryNeeds& needs) {
  return needs.block > 0 ? bytes / needs.block
                         : std::numeric_limits<size_t>::max();
}

// Whoever asks for blocks gets them; else what `left` pays for, at most what
// all sequences together can fill. Places in the pool are int32.
int blocks_of(const MemoryNeeds& needs, const MemoryWish& wish, size_t left) {
  const size_t all_sequences =
      static_cast<size_t>(needs.max_sequences) *
      static_cast<size_t>(blocks_for(needs.max_positions, needs.block_tokens));
  const size_t paid_for = wish.kv_bytes && needs.block > 0
                              ? paid_by(*wish.kv_bytes, needs)
                              : std::min(paid_by(left, needs), all_sequences);
  const int most = std::numeric_limits<int32_t>::max() / needs.block_tokens;
  return wish.blocks
             ? std::min(*wish.blocks, most)
             : static_cast<int>(std::min(paid_for, static_cast<size_t>(most)));
}

int64_t positions_in(int64_t blocks, const MemoryNeeds& needs) {
  return std::min<int64_t>(blocks * needs.block_tokens, needs.max_positions);
}

[[noreturn]] void refuse_few_bytes(
    const MemoryNeeds& needs, size_t kv_bytes, int least) {
  throw StartError(
      kExitNoMemory,
      fmt::format(
          "--kv-memory: {} bytes are too few, one sequence of {} tokens takes "
          "{}",
          kv_bytes, positions_in(least, needs),
          static_cast<size_t>(least) * needs.block));
}

// What a plan, or the needs, have beside weights, keys and values.
template <class Memory>
std::string beside_text(const Memory& memory) {
  const auto states =
      memory.states == 0
          ? std::string()
          : fmt::format(", states {:.1f} MiB", mib(memory.states));
  return fmt::format(
      "working memory {:.1f} MiB, answers {:.1f} MiB, heap {:.1f} MiB{}",
      mib(memory.working), mib(memory.answers), mib(memory.heap), states);
}

// `kv` is what was to be beside the fixed part.
[[noreturn]] void refuse(
    const MemoryNeeds& needs,
    const std::string& kv_name,
    size_t kv,
    size_t budget) {
  throw StartError(
      kExitNoMemory,
      fmt::format(
          "not enough memory: weights {:.1f} MiB, {} and {} {:.1f} MiB make "
          "{:.1f} MiB, and {:.1f} MiB may be used",
          mib(needs.weights), beside_text(needs), kv_name, mib(kv),
          mib(fixed_bytes(needs)) + mib(kv), mib(budget)));
}

// Before there is a cache.
void expect_room_to_load(const MemoryNeeds& needs, size_t budget) {
  if (needs.weights + needs.making > budget) {
    throw StartError(
        kExitNoMemory,
        fmt::format(
            "not enough memory: weights {:.1f} MiB and {:.1f} MiB to load "
            "them, and {:.1f} MiB may be used",
            mib(needs.weights), mib(needs.making), mib(budget)));
  }
}

} // namespace

size_t MemoryPlan::total() const {
  return weights + kv + working + answers + heap + states;
}

std::string MemoryPlan::text() const {
  return fmt::format(
      "weights {:.1f} MiB, keys and values {:.1f} MiB ({} blocks), {}",
      mib(weights), mib(kv), blocks, beside_text(*this));
}

MemoryPlan plan_memory(
    const MemoryNeeds& needs,
    const MemoryWish& wish,
    const MachineMemory& machine) {
  const size_t budget = budget_of(wish, machine);
  const size_t left = budget - std::min(budget, fixed_bytes(needs));
  const int least = least_blocks(needs, wish);
  const int blocks = blocks_of(needs, wish, left);
  if (blocks < least && wish.kv_bytes) {
    refuse_few_bytes(needs, *wish.kv_bytes, least);
  }
  if (blocks < least || static_cast<size_t>(blocks) > paid_by(left, needs)) {
    const auto sequence =
        fmt::format("one sequence of {} tokens", positions_in(least, needs));
    refuse(
        needs, wish.kv_bytes ? "--kv-memory" : sequence,
        wish.kv_bytes.value_or(static_cast<size_t>(least) * needs.block),
        budget);
  }
  expect_room_to_load(needs, budget);
  return {
      .weights = needs.weights,
      .working = needs.working,
      .answers = needs.answers,
      .heap = needs.heap,
      .states = needs.states,
      .kv = static_cast<size_t>(blocks) * needs.block,
      .blocks = blocks,
      .max_positions = static_cast<int>(positions_in(blocks, needs))};
}

} // namespace parallm
