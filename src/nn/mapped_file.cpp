#include "nn/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <vector>

#include "base/check.h"

namespace parallm {
namespace {

constexpr size_t kPiece = size_t{1} << 20; // of a read that only touches

[[noreturn]] void fail(int code) {
  throw std::system_error(code, std::generic_category());
}

// Linux 5.14: all pages of a range, with an error where a touch would be
// SIGBUS. False where the system does not know it.
bool populate(void* memory, size_t bytes) {
#ifdef __linux__
  constexpr int kPopulateRead = 22; // MADV_POPULATE_READ, not in all headers
  while (madvise(memory, bytes, kPopulateRead) != 0) {
    if (errno == EINVAL) {
      return false;
    }
    if (errno != EINTR && errno != EAGAIN) {
      fail(errno == EFAULT ? EIO : errno);
    }
  }
  return true;
#else
  return false;
#endif
}

} // namespace

MappedFile::MappedFile(const std::filesystem::path& path, uint64_t bytes)
    : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)),
      page_bytes_(static_cast<size_t>(sysconf(_SC_PAGESIZE))) {
  if (descriptor_ < 0) {
    throw StartError(
        kExitNoPermission, fmt::format("{}: cannot be opened", path.string()));
  }
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0 ||
      static_cast<uint64_t>(status.st_size) != bytes) {
    ::close(descriptor_);
    throw StartError(
        kExitBadData,
        fmt::format(
            "{}: {} bytes, {} when its header was read: it has changed",
            path.string(), status.st_size, bytes));
  }
  map(bytes);
}

// Private and writable: MLX may compute in place of a tensor that it alone
// holds. Without swap set aside for that, since weights are only read. Where
// the system refuses, the file is read instead.
void MappedFile::map(uint64_t bytes) {
  constexpr int kAccess = PROT_READ | PROT_WRITE;
  constexpr int kKind = MAP_PRIVATE | MAP_NORESERVE;
  const size_t whole = (bytes + page_bytes_ - 1) / page_bytes_ * page_bytes_;
  void* base =
      mmap(nullptr, page_bytes_ + whole, kAccess, kKind | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) {
    return;
  }
  std::byte* memory = static_cast<std::byte*>(base) + page_bytes_;
  if (bytes > 0 &&
      mmap(memory, bytes, kAccess, kKind | MAP_FIXED, descriptor_, 0) ==
          MAP_FAILED) {
    munmap(base, page_bytes_ + whole);
    return;
  }
  memory_ = memory;
  mapped_bytes_ = whole;
}

MappedFile::~MappedFile() {
  if (memory_) {
    munmap(memory_ - page_bytes_, page_bytes_ + mapped_bytes_);
  }
  ::close(descriptor_);
}

void MappedFile::touch(uint64_t begin, size_t bytes) const {
  const uint64_t first = begin / page_bytes_ * page_bytes_;
  const auto span = static_cast<size_t>(begin + bytes - first);
  if (populate(memory_ + first, span)) {
    return;
  }
  std::vector<std::byte> piece(std::min(bytes, kPiece));
  for (size_t at = 0; at < bytes; at += kPiece) {
    read(begin + at, piece.data(), std::min(bytes - at, kPiece));
  }
}

// Advice: what becomes of it does not matter.
void MappedFile::announce(uint64_t begin, size_t bytes) const {
  const uint64_t first = begin / page_bytes_ * page_bytes_;
  if (memory_ && first < mapped_bytes_) {
    const auto span = static_cast<size_t>(begin + bytes - first);
    madvise(
        memory_ + first, std::min(span, mapped_bytes_ - first), MADV_WILLNEED);
  }
}

// Whole pages only: those at the edges are its neighbours' as well.
void MappedFile::forget(uint64_t begin, size_t bytes) const {
  const uint64_t first = (begin + page_bytes_ - 1) / page_bytes_ * page_bytes_;
  const uint64_t end = (begin + bytes) / page_bytes_ * page_bytes_;
  if (memory_ && first < end) {
    madvise(memory_ + first, static_cast<size_t>(end - first), MADV_DONTNEED);
  }
}

void MappedFile::read(uint64_t begin, void* to, size_t bytes) const {
  auto* at = static_cast<std::byte*>(to);
  while (bytes > 0) {
    const auto got = ::pread(descriptor_, at, bytes, static_cast<off_t>(begin));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      fail(got < 0 ? errno : EIO);
    }
    at += got;
    begin += static_cast<uint64_t>(got);
    bytes -= static_cast<size_t>(got);
  }
}

} // namespace parallm
