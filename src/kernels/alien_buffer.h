#pragma once

#include <mlx/allocator.h>

#include <cstddef>
#include <optional>

// Memory that is not MLX's, seen as a buffer of MLX. What a device can read in
// place, and how, is decided here alone. Any thread.
namespace parallm {

namespace mx = mlx::core;

// What must be ours to write in front of such memory: MLX's CPU allocator
// (0.32) keeps a buffer's size there.
inline constexpr size_t kAlienPrefix = sizeof(size_t);

// None: MLX's allocator cannot take it over, and the caller copies. `memory`
// must outlive the buffer. MLX never writes to it: it computes in place of
// memory that it owns only (array::is_donatable).
std::optional<mx::allocator::Buffer> alien_buffer(void* memory, size_t bytes);

// Ends a buffer of alien_buffer(), once; the memory stays.
void release_alien(mx::allocator::Buffer buffer);

} // namespace parallm
