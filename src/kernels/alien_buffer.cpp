#include "kernels/alien_buffer.h"

#include <cstring>

namespace parallm {
namespace {

// Whether the allocator puts a word with the size in front of the memory. Found
// out rather than known: its author promises nothing.
bool has_size_in_front() {
  static const bool found = [] {
    constexpr size_t kBytes = 64;
    const auto probe = mx::allocator::malloc(kBytes);
    auto buffer = probe.buffer();
    const auto* memory = static_cast<const char*>(buffer.raw_ptr());
    size_t word = 0;
    if (memory != static_cast<const char*>(buffer.ptr()) + kAlienPrefix) {
      return false;
    }
    std::memcpy(&word, buffer.ptr(), sizeof(word));
    return word >= kBytes && word == mx::allocator::allocator().size(buffer);
  }();
  return found;
}

} // namespace

// On the CPU the size is 0, which lets operations share such a buffer however
// little of it they read: it is a file's pages, or lives as long as the model.
// Elsewhere (Metal) the allocator says itself whether it can.
std::optional<mx::allocator::Buffer> alien_buffer(void* memory, size_t bytes) {
  if (has_size_in_front()) {
    void* front = static_cast<char*>(memory) - kAlienPrefix;
    std::memset(front, 0, kAlienPrefix);
    return mx::allocator::Buffer(front);
  }
  const auto buffer = mx::allocator::make_buffer(memory, bytes);
  return buffer.ptr() ? std::optional(buffer) : std::nullopt;
}

void release_alien(mx::allocator::Buffer buffer) {
  if (!has_size_in_front()) {
    mx::allocator::release(buffer);
  }
}

} // namespace parallm
