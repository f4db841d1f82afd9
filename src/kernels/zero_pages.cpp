#include "kernels/zero_pages.h"

#include <sys/mman.h>

#include <memory>
#include <new>
#include <utility>

#include "kernels/alien_buffer.h"

namespace parallm {
namespace {

// Of the mapping, before the array: room for the prefix, and alignment stays.
constexpr size_t kFront = 4096;

class Mapping {
 public:
  explicit Mapping(size_t bytes)
      : bytes_(bytes + kFront),
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
  }
  ~Mapping() { munmap(first_, bytes_); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  void* memory() const { return static_cast<char*>(first_) + kFront; }

 private:
  size_t bytes_;
  void* first_;
};

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
  const auto mapping = std::make_shared<Mapping>(bytes);
  const auto buffer = alien_buffer(mapping->memory(), bytes);
  if (!buffer) {
    return plain_zeros(shape, dtype);
  }
  // The mapping lives until the last array that shares it.
  return mx::array(
      mx::allocator::Data(
          *buffer, [mapping](mx::allocator::Buffer b) { release_alien(b); }),
      shape, dtype);
}

} // namespace parallm
