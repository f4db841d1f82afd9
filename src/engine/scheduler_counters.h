#pragma once

#include <cstdint>

// Plain values and functions without state: any thread.
namespace parallm {

// Sums since the start, for the metrics.
struct SchedulerCounters {
  uint64_t preemptions = 0;
  uint64_t prompt_tokens = 0;    // of sequences that left the queue
  uint64_t generated_tokens = 0; // that an event carried
  uint64_t prefix_queries = 0;   // tokens for which the index was asked
  uint64_t prefix_hits = 0;      // of them, found
  // Tokens that were not found, by reason.
  uint64_t prefix_misses_absent = 0; // of whole blocks that nobody has stored
  uint64_t prefix_misses_tail = 0;   // after the last whole block
  uint64_t prefix_misses_scored = 0; // never asked for: they must be scored
};

} // namespace parallm
