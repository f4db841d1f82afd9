#pragma once

// Plain values and functions without state: any thread.
namespace parallm {

// Set once, after the model is loaded.
struct SchedulerLimits {
  int max_sequences = 64;     // rows of a step; places in the slot table
  int max_step_tokens = 2048; // prefill and decode together
  int max_chunk_tokens = 512; // of one prompt in one step
  int max_positions = 4096;   // tokens of one sequence, answer included
  // Blocks that admission leaves alone, so that running sequences can grow.
  // A guess that others use too; preemption makes up for it.
  int watermark_percent = 1;
  bool prefix_cache = true; // off: only choices of one request share blocks
};

} // namespace parallm
