#include "kernels/linear/product_batch.h"

#include <algorithm>

#include "kernels/kernel_pool.h"

namespace parallm {
namespace {

constexpr int kOutputsOfTask = 16; // of a dense product

// Neighbours in memory that one thread takes at once: read in one go they come
// twice as fast as in turns with another thread (58 and 31 GB/s). Few enough
// that a thread that is held up does not keep the others waiting long.
int tasks_at_once(int tasks) {
  constexpr int kMost = 32, kTurns = 8; // of a thread
  return std::clamp(tasks / (kernel_pool().threads() * kTurns), 1, kMost);
}

} // namespace

void ProductBatch::add(
    const PanelMatrix& weight, TileForm form, const ProductRows& rows) {
  const TileKernels& kernels =
      form == TileForm::kInt8 ? int8_kernels() : float_kernels();
  const PanelProduct product{
      weight, &tiles_of(rows.x, weight.layout.group_size, kernels), rows.out,
      rows.out_type};
  products_.push_back({weight.layout.panels(), [product](int panel) {
                         multiply_panel(product, panel);
                       }});
}

void ProductBatch::add(const DenseMatrix& weight, const ProductRows& rows) {
  const DenseProduct product{
      weight, wide_rows_of(rows.x), static_cast<int>(rows.x.rows.size()),
      rows.out, rows.out_type};
  const int tasks = (weight.outputs + kOutputsOfTask - 1) / kOutputsOfTask;
  products_.push_back(
      {tasks, [product](int task) {
         const int first = task * kOutputsOfTask;
         multiply_dense(
             product, first,
             std::min(first + kOutputsOfTask, product.weight.outputs));
       }});
}

const ActivationTiles& ProductBatch::tiles_of(
    const FloatRows& x, int group_size, const TileKernels& kernels) {
  for (const auto& tiles : tiles_) {
    if (tiles.is_of(x, group_size, kernels)) {
      return tiles;
    }
  }
  auto& tiles = tiles_.emplace_back(x, group_size, kernels);
  before_.push_back({static_cast<int>(tiles.tiles().size()), [&tiles](int i) {
                       tiles.fill(i);
                     }});
  return tiles;
}

const float* ProductBatch::wide_rows_of(const FloatRows& x) {
  for (const auto& rows : wide_rows_) {
    if (rows.x == x) {
      return rows.memory.data();
    }
  }
  const int padded = simd::round_up(x.inputs);
  auto& rows = wide_rows_.emplace_back(
      WideRows{x, padded, std::vector<float>(x.rows.size() * padded)});
  before_.push_back({static_cast<int>(x.rows.size()), [&rows](int i) {
                       simd::load_row(
                           rows.x.type, &rows.memory[i * rows.padded],
                           rows.x.rows[i], rows.x.inputs);
                     }});
  return rows.memory.data();
}

void ProductBatch::run() {
  run(before_);
  run(products_);
}

void ProductBatch::run(const std::vector<Work>& works) {
  std::vector<int> ends;
  int tasks = 0;
  for (const auto& work : works) {
    ends.push_back(tasks += work.tasks);
  }
  const int step = tasks_at_once(tasks);
  kernel_pool().run((tasks + step - 1) / step, [&](int turn) {
    for (int i = turn * step; i < std::min((turn + 1) * step, tasks); ++i) {
      const auto end = std::upper_bound(ends.begin(), ends.end(), i);
      const auto& work = works[end - ends.begin()];
      work.run(i - (*end - work.tasks));
    }
  });
}

} // namespace parallm
