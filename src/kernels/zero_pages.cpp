#include "kernels/zero_pages.h"

#include <sys/mman.h>

#include <memory>
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

// The array begins a page; before it there is room for a buffer's prefix.
class Mapping {
 public:
  explicit Mapping(size_t bytes)
      : page_(bytes < kLargePage ? kSmallPage : kLargePage),
        bytes_(bytes + 2 * page_),
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
#ifdef MADV_HUGEPAGE
    madvise(memory(), bytes, MADV_HUGEPAGE); // a wish
#endif
  }
  ~Mapping() {
    munmap(first_, bytes_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  void* memory() const {
    const auto place = reinterpret_cast<uintptr_t>(first_) + page_;
    return reinterpret_cast<void*>((place + page_ - 1) / page_ * page_);
  }

 private:
  static constexpr size_t kSmallPage = 4096;

  size_t page_;
  size_t bytes_;
  void* first_;
};

std::optional<mx::allocator::Data> mapped(size_t bytes) {
  const auto mapping = std::make_shared<Mapping>(bytes);
  const auto buffer = alien_buffer(mapping->memory(), bytes);
  if (!buffer) {
    return std::nullopt;
  }
  // It lives until the last array that shares it.
  return mx::allocator::Data(
      *buffer, [mapping](mx::allocator::Buffer b) { release_alien(b); });
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
  auto memory = mapped(bytes);
  return memory ? mx::array(std::move(*memory), shape, dtype)
                : plain_zeros(shape, dtype);
}

void allocate_pages(mx::array& out) {
  auto memory = out.nbytes() < kLargePage ? std::nullopt : mapped(out.nbytes());
  if (memory) {
    out.set_data(std::move(*memory));
  } else {
    allocate(out);
  }
}

} // namespace parallm
