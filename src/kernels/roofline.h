#pragma once

#include <cstddef>

#include "kernels/kernel_pool.h"

// What a machine can do at most, measured: the roof over every CPU kernel. No
// MLX here; any thread.
namespace parallm {

// With the instruction set that kernels use now; 0 where it has no such
// instruction. A product and its sum are two operations.
struct Roofline {
  int threads = 1;
  double read_gb_s = 0; // of a buffer that no cache holds
  double copy_gb_s = 0; // read and written together
  double f32_gflop_s = 0;
  double int8_gop_s = 0;
  double bf16_gflop_s = 0;
};

struct RooflineEffort {
  size_t buffer_bytes = 0; // 0: eight times the last cache, 256 MiB to 2 GiB
  int rounds = 7;          // the best of them counts
};

// Takes the pool's threads for about a second.
Roofline measure_roofline(KernelPool& pool, const RooflineEffort& effort = {});

// Its read_gb_s alone: the memory of a virtual machine may be twice as fast a
// few seconds later. Holds the pool in each round.
double measure_read_gb_s(KernelPool& pool, const RooflineEffort& effort = {});

} // namespace parallm
