#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "kernels/linear/dense_product.h"
#include "kernels/linear/panel_product.h"

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
  struct Work {
    int tasks;
    std::function<void(int)> run;
  };

  const ActivationTiles& tiles_of(
      const FloatRows& x, int group_size, const TileKernels& kernels);
  const DenseRows& rows_of(const FloatRows& x, const DenseKernels& kernels);
  static void run(const std::vector<Work>& works);

  std::deque<ActivationTiles> tiles_;
  std::deque<DenseRows> rows_;
  std::vector<Work> before_; // makes x ready
  std::vector<Work> products_;
};

} // namespace parallm
