#pragma once

#include <mlx/mlx.h>

namespace parallm {

namespace mx = mlx::core;

// An evaluated array of zeros that takes memory page by page as it is written
// to, not before, where the device can read such memory; else MLX's own zeros.
// Kernels of ours may write to it in place; MLX never does. Throws
// std::bad_alloc if the system refuses. Engine thread only.
mx::array zero_pages(const mx::Shape& shape, mx::Dtype dtype);

// Memory in large pages for a primitive's output that is kept and read from end
// to end again and again; MLX does not count it among its own. Where the system
// takes advice on pages, arrays of 64 KiB to 2 MiB share mappings of 32 MiB,
// each of which ends with its last array; what is smaller is MLX's. Any thread.
void allocate_pages(mx::array& out);

} // namespace parallm
