#include "kernels/zero_pages.h"

#include <sys/mman.h>
#include <unistd.h>

#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <utility>

#include "kernels/alien_buffer.h"
#include "kernels/cpu_primitive.h"

namespace parallm {
namespace {

// Large pages, where the system has them: read from end to end, weights come
// half as fast again (34 and 24 GB/s).
constexpr size_t kLargePage = size_t{2} << 20;

size_t page_bytes() {
  static const auto bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

// The array begins a page; before it there is room for a buffer's prefix.
class Mapping {
 public:
  // page: page_bytes() or kLargePage
  Mapping(size_t bytes, size_t page)
      : page_(page),
        bytes_(bytes + 2 * page),
        first_(mmap(
            nullptr,
            bytes_,
            PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS,
            -1,
            0)) {
    if (first_ == MAP_FAILED) {
      throw std::bad_alloc();
    }
    ask_for_pages(bytes);
  }
  ~Mapping() { munmap(first_, bytes_); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  void* memory() const {
    const auto place = reinterpret_cast<uintptr_t>(first_) + page_;
    return reinterpret_cast<void*>((place + page_ - 1) / page_ * page_);
  }

 private:
  // Wishes. Around the array a large page would be memory for nothing.
  void ask_for_pages([[maybe_unused]] size_t bytes) const {
#ifdef MADV_HUGEPAGE
    madvise(first_, bytes_, MADV_NOHUGEPAGE);
    if (page_ == kLargePage) {
      madvise(memory(), bytes / kLargePage * kLargePage, MADV_HUGEPAGE);
    }
#endif
  }

  size_t page_;
  size_t bytes_;
  void* first_;
};

// The owner lives until the last array that shares the memory.
std::optional<mx::allocator::Data> shared(
    std::shared_ptr<void> owner, void* memory, size_t bytes) {
  const auto buffer = alien_buffer(memory, bytes);
  if (!buffer) {
    return std::nullopt;
  }
  return mx::allocator::Data(
      *buffer, [owner](mx::allocator::Buffer b) { release_alien(b); });
}

std::optional<mx::allocator::Data> mapped(size_t bytes, size_t page) {
  auto mapping = std::make_shared<Mapping>(bytes, page);
  return shared(mapping, mapping->memory(), bytes);
}

#ifdef MADV_HUGEPAGE

// Below this an array costs the tables of pages little: 16 of them.
constexpr size_t kSmall = size_t{64} << 10;

// One mapping for many small arrays.
class Shelf {
 public:
  // Null if it is full.
  void* take(size_t bytes) {
    const size_t begin = (used_ + kAlienPrefix + kLine - 1) / kLine * kLine;
    if (begin + bytes > kBytes) {
      return nullptr;
    }
    used_ = begin + bytes;
    return static_cast<char*>(mapping_.memory()) + begin;
  }

 private:
  static constexpr size_t kBytes = size_t{32} << 20;
  static constexpr size_t kLine = 64;
  Mapping mapping_{kBytes, kLargePage};
  size_t used_ = 0;
};

// bytes: below kLargePage
std::optional<mx::allocator::Data> shelved(size_t bytes) {
  static std::mutex mutex;
  static std::weak_ptr<Shelf> latest;
  const std::lock_guard lock(mutex);
  auto shelf = latest.lock();
  void* memory = shelf ? shelf->take(bytes) : nullptr;
  if (!memory) {
    shelf = std::make_shared<Shelf>();
    latest = shelf;
    memory = shelf->take(bytes);
  }
  return shared(std::move(shelf), memory, bytes);
}

#endif

std::optional<mx::allocator::Data> kept(size_t bytes) {
  if (bytes >= kLargePage) {
    return mapped(bytes, kLargePage);
  }
#ifdef MADV_HUGEPAGE
  if (bytes >= kSmall) {
    return shelved(bytes);
  }
#endif
  return std::nullopt;
}

mx::array plain_zeros(const mx::Shape& shape, mx::Dtype dtype) {
  auto zeros = mx::zeros(shape, dtype);
  mx::eval(zeros);
  return zeros;
}

} // namespace

mx::array zero_pages(const mx::Shape& shape, mx::Dtype dtype) {
  size_t bytes = dtype.size();
  for (const int length : shape) {
    bytes *= static_cast<size_t>(length);
  }
  auto memory = mapped(bytes, page_bytes());
  return memory ? mx::array(std::move(*memory), shape, dtype)
                : plain_zeros(shape, dtype);
}

void allocate_pages(mx::array& out) {
  auto memory = kept(out.nbytes());
  if (memory) {
    out.set_data(std::move(*memory));
  } else {
    allocate(out);
  }
}

} // namespace parallm
