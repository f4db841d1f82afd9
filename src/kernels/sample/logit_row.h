#pragma once

#include <algorithm>
#include <vector>

#include "kernels/kernel_pool.h"
#include "kernels/sample/row_scan.h"

// A row of logits and its parts. No MLX here; any thread.
namespace parallm {

struct LogitRow {
  const float* logits = nullptr;
  int vocab = 0;
  float temperature = 1;
  KernelPool* pool = nullptr; // whose threads share the parts; null: nobody's

  float value(int32_t id) const { return logits[id] / temperature; }
  int parts() const { return (vocab + kPartLogits - 1) / kPartLogits; }
  RowPart part(int i) const {
    const int first = i * kPartLogits;
    return {
        logits + first, std::min(kPartLogits, vocab - first), first,
        temperature};
  }

  // What work(part) says of each part, in their order.
  template <class Work>
  auto of_parts(const Work& work) const {
    std::vector<decltype(work(part(0)))> results(static_cast<size_t>(parts()));
    const auto task = [&](int i) {
      results[static_cast<size_t>(i)] = work(part(i));
    };
    if (pool != nullptr) {
      pool->run(parts(), task);
    } else {
      for (int i = 0; i < parts(); ++i) {
        task(i);
      }
    }
    return results;
  }
};

// Calls work(row, pool) for each of so many rows, on the threads of kernels.
// Where there are rows for all threads, each has one to itself, and no pool;
// otherwise one comes after the other, and its parts are shared.
template <class Work>
void for_rows(int rows, const Work& work) {
  KernelPool& pool = kernel_pool();
  if (rows >= pool.threads()) {
    pool.run(rows, [&](int row) { work(row, nullptr); });
    return;
  }
  for (int row = 0; row < rows; ++row) {
    work(row, &pool);
  }
}

// What one pass learns of a row.
struct RowExtent {
  std::vector<PartExtent> parts{};
  float largest = 0; // logit
  bool has_nan = false;

  // The lowest id of that logit. The row is the one that was looked at.
  int32_t id_of_largest(const LogitRow& row) const;
};
RowExtent extent_of(const LogitRow& row);

// The sum of e^(value - largest value) over the values from `least` on.
double weight_from(const LogitRow& row, const RowExtent& extent, float least);
double total_weight(const LogitRow& row, const RowExtent& extent);

} // namespace parallm
