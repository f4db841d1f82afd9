#include "kernels/allocation.h"

#include <sys/mman.h>

#include <new>
#include <string_view>

namespace parallm {

// A mapping, which is what malloc makes of anything large: no sanitizer ends
// the process over it, and no compiler leaves it out.
bool can_allocate(size_t bytes) {
  if (bytes == 0) {
    return true;
  }
  void* memory = mmap(
      nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
      0);
  return memory != MAP_FAILED && munmap(memory, bytes) == 0;
}

bool is_refused_memory(const std::exception& error) {
  const std::string_view what = error.what();
  return dynamic_cast<const std::bad_alloc*>(&error) != nullptr ||
         what.starts_with("[malloc") || what.starts_with("[metal::malloc");
}

} // namespace parallm
