#include "nn/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>
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

[[noreturn]] void refuse(
    int exit_code, const std::filesystem::path& path, std::string_view why) {
  throw StartError(exit_code, fmt::format("{}: {}", path.string(), why));
}

[[noreturn]] void refuse_open(const std::filesystem::path& path, int code) {
  if (code == ENOENT || code == ENOTDIR) {
    refuse(kExitNotFound, path, "no such file");
  }
  const bool denied = code == EACCES || code == EPERM;
  refuse(
      denied ? kExitNoPermission : kExitUnavailable, path,
      fmt::format(
          "cannot be opened: {}", std::generic_category().message(code)));
}

// Without waiting: a pipe, which is refused later, would wait for its other
// end.
int open_file(const std::filesystem::path& path) {
  const int found = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (found < 0) {
    refuse_open(path, errno);
  }
  return found;
}

int64_t modified_ns(const struct stat& status) {
#ifdef __APPLE__
  const auto& time = status.st_mtimespec;
#else
  const auto& time = status.st_mtim;
#endif
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// None of what is not a file, such as a folder.
std::optional<FileStamp> stamp_of(int descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    return std::nullopt;
  }
  return FileStamp{
      .bytes = static_cast<uint64_t>(status.st_size),
      .device = static_cast<uint64_t>(status.st_dev),
      .inode = static_cast<uint64_t>(status.st_ino),
      .modified_ns = modified_ns(status)};
}

} // namespace

MappedFile::MappedFile(const std::filesystem::path& path)
    : descriptor_(open_file(path)),
      page_bytes_(static_cast<size_t>(sysconf(_SC_PAGESIZE))) {
  const auto stamp = stamp_of(descriptor_);
  if (!stamp) {
    ::close(descriptor_);
    refuse(kExitBadData, path, "is not a file");
  }
  stamp_ = *stamp;
  map();
}

MappedFile::MappedFile(
    const std::filesystem::path& path, const FileStamp& expected)
    : MappedFile(path) {
  if (stamp_ != expected) {
    refuse(
        kExitBadData, path,
        "was replaced or written to while the model was being loaded; start "
        "again");
  }
}

// Where the system refuses, the file is read instead.
void MappedFile::map() {
  const uint64_t bytes = stamp_.bytes;
  const size_t whole = (bytes + page_bytes_ - 1) / page_bytes_ * page_bytes_;
  void* base = mmap(
      nullptr, page_bytes_ + whole, PROT_READ | PROT_WRITE,
      MAP_PRIVATE | MAP_NORESERVE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) {
    return;
  }
  std::byte* memory = static_cast<std::byte*>(base) + page_bytes_;
  if (bytes > 0 &&
      mmap(memory, bytes, PROT_READ, MAP_PRIVATE | MAP_FIXED, descriptor_, 0) ==
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
