#pragma once

#include <algorithm>
#include <cstddef>

#include "kernels/kernel_pool.h"

// How a kernel's loop is shared out. No MLX here; any thread but those of the
// pool.
namespace parallm {

// What a hand-over to another thread must be worth, in numbers passed through:
// a few microseconds of a kernel that does little with each.
inline constexpr size_t kPartNumbers = 16384;

// Calls work(first, end) for parts that make up [0, count), of `least` or more
// each but the last, on the threads of kernels. Where a part begins must not
// matter to any result.
template <class Work>
void in_parts(size_t count, size_t least, const Work& work) {
  const size_t wanted = std::max<size_t>(1, count / std::max<size_t>(1, least));
  if (wanted == 1) {
    return work(size_t{0}, count);
  }
  auto& pool = kernel_pool();
  // A few for each thread: one that is held up leaves the rest to others.
  const size_t most = pool.threads() == 1 ? 1 : 4 * pool.threads();
  const size_t parts = std::min(wanted, most);
  pool.run(static_cast<int>(parts), [&](int i) {
    work(count * i / parts, count * (i + 1) / parts);
  });
}

// Rows of so many numbers each.
template <class Work>
void in_row_parts(size_t rows, size_t row_numbers, const Work& work) {
  in_parts(rows, kPartNumbers / std::max<size_t>(1, row_numbers), work);
}

} // namespace parallm
