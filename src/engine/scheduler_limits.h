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
  // The model keeps a state of each sequence, which is in no block and at no
  // position but the last: every sequence is computed from its first token,
  // also after a preemption, and shares no block.
  bool has_states = false;
};

} // namespace parallm
