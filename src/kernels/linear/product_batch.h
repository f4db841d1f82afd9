#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "kernels/linear/panel_product.h"
#include "kernels/linear/product.h"

namespace parallm {

// Rows that are multiplied, and where the results go.
struct ProductRows {
  FloatRows x;
  void* const* out = nullptr; // for each row: its outputs
  FloatType out_type = FloatType::kF32;
};

// Products that the kernel pool computes together, so that small ones do not
// wait for each other. One thread; what is added must stay until run() ends. No
// MLX here.
class ProductBatch {
 public:
  void add(const PanelMatrix& weight, TileForm form, const ProductRows& rows);
  void add(const DenseMatrix& weight, const ProductRows& rows);

  void run();

 private:
  // Rows as float32, padded with zeros.
  struct WideRows {
    FloatRows x;
    int padded;
    std::vector<float> memory;
  };
  struct Work {
    int tasks;
    std::function<void(int)> run;
  };

  const ActivationTiles& tiles_of(
      const FloatRows& x, int group_size, const TileKernels& kernels);
  const float* wide_rows_of(const FloatRows& x);
  static void run(const std::vector<Work>& works);

  std::deque<ActivationTiles> tiles_;
  std::deque<WideRows> wide_rows_;
  std::vector<Work> before_; // makes x ready
  std::vector<Work> products_;
};

} // namespace parallm
