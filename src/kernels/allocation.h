#pragma once

#include <cstddef>
#include <exception>

namespace parallm {

// Whether the system grants this many bytes in one piece now; nothing is kept.
// To be asked before MLX is asked for much: its CPU allocator (0.32) hands out
// null where memory is refused, and counts it as in use ever after; above its
// limit every eval then spins. A yes is no promise: Linux may grant more than
// there is. Any thread.
bool can_allocate(size_t bytes);

// Whether what was thrown says that memory was refused: std::bad_alloc, or
// MLX's "[malloc] ..." and "[metal::malloc] ...". Any thread.
bool is_refused_memory(const std::exception& error);

} // namespace parallm
