#pragma once

#include <cstdint>

#include "kernels/instruction_set.h"

// Loops that do nothing but one kind of arithmetic, as fast as the processor
// does it: for the roofline. No MLX here; any thread.
namespace parallm {

struct PeakLoop {
  void (*run)(int64_t steps) = nullptr; // null: the set has no such instruction
  int operations = 0;                   // of a step
};

PeakLoop f32_loop(InstructionSet set);  // product and sum
PeakLoop int8_loop(InstructionSet set); // dot products, sums of 32 bits
PeakLoop bf16_loop(InstructionSet set); // dot products, sums in float32

// What it points at counts as used.
inline void keep(const void* result) {
  asm volatile("" ::"r"(result) : "memory");
}

} // namespace parallm
