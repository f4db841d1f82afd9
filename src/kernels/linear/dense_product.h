#pragma once

#include "kernels/linear/dense_rows.h"
#include "kernels/linear/weight_form.h"

// Products with dense weights, range by range. No MLX here.
// Plain values and functions without state: any thread.
namespace parallm {

// A dense matrix (outputs, inputs).
struct DenseMatrix {
  WeightForm form = WeightForm::kF32;
  int inputs = 0;
  int outputs = 0;
  const void* weight = nullptr;
  const void* bias = nullptr; // (outputs) or none
  FloatType bias_type = FloatType::kF32;
};

struct DenseProduct;

// What an instruction set offers.
struct DenseKernels {
  FloatType type; // of the numbers that meet
  int tile_rows;  // most rows of a tile
  // Outputs [first, end) of all rows. Sums in an order that depends on neither.
  // The weight is read from memory once for each few hundred rows.
  void (*multiply)(const DenseProduct& product, int first, int end);
};

// Of the set in use.
const DenseKernels& dense_kernels(FloatType x, WeightForm weight);

struct DenseProduct {
  DenseMatrix weight;
  const DenseRows* x = nullptr; // as the kernels take it
  void* const* out = nullptr;   // for each row of x: its outputs
  FloatType out_type = FloatType::kF32;
};

} // namespace parallm
