#include "kernels/linear/product_batch.h"

#include <algorithm>

#include "kernels/kernel_pool.h"

namespace parallm {
namespace {

constexpr int kOutputsOfTask = 32; // of a dense product

// Neighbours in memory that one thread takes at once: read in one go they come
// twice as fast as in turns with another thread (58 and 31 GB/s). Few enough
// that a thread that is held up does not keep the others waiting long, and the
// fewer the fewer are left, so that all threads end together: a quarter of a
// thread's share of them.
int tasks_at_once(int left, int threads) {
  constexpr int kMost = 32, kTurns = 4;
  return std::clamp(left / (threads * kTurns), 1, kMost);
}

// Where each turn begins, and the end.
std::vector<int> turns_of(int tasks) {
  const int threads = kernel_pool().threads();
  std::vector<int> firsts{0};
  while (firsts.back() < tasks) {
    const int left = tasks - firsts.back();
    firsts.push_back(firsts.back() + tasks_at_once(left, threads));
  }
  return firsts;
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
  const DenseKernels& kernels = dense_kernels(rows.x.type, weight.form);
  const DenseProduct product{
      weight, &rows_of(rows.x, kernels), rows.out, rows.out_type};
  const int tasks = (weight.outputs + kOutputsOfTask - 1) / kOutputsOfTask;
  products_.push_back(
      {tasks, [product, &kernels](int task) {
         const int first = task * kOutputsOfTask;
         kernels.multiply(
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
  before_.push_back({tiles.pieces(), [&tiles](int i) { tiles.fill(i); }});
  return tiles;
}

const DenseRows& ProductBatch::rows_of(
    const FloatRows& x, const DenseKernels& kernels) {
  for (const auto& rows : rows_) {
    if (rows.is_of(x, kernels.type, kernels.tile_rows)) {
      return rows;
    }
  }
  auto& rows = rows_.emplace_back(x, kernels.type, kernels.tile_rows);
  before_.push_back({rows.tiles(), [&rows](int i) { rows.fill(i); }});
  return rows;
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
  const auto firsts = turns_of(tasks);
  kernel_pool().run(static_cast<int>(firsts.size()) - 1, [&](int turn) {
    for (int i = firsts[turn]; i < firsts[turn + 1]; ++i) {
      const auto end = std::upper_bound(ends.begin(), ends.end(), i);
      const auto& work = works[end - ends.begin()];
      work.run(i - (*end - work.tasks));
    }
  });
}

} // namespace parallm
