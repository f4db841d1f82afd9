#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>

namespace parallm {

// Tells a file from another under its name, and from itself after a change.
struct FileStamp {
  uint64_t bytes = 0;
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t modified_ns = 0; // since 1970

  bool operator==(const FileStamp&) const = default;
};

// A file opened for reading and, where the system can, mapped: its bytes in
// memory without a copy, its pages those of the system's file cache. They
// cannot be written to. Whoever shortens the file afterwards ends the process
// (SIGBUS, base/bus_error.h), and whoever overwrites it changes them: a file in
// use is replaced by another. Const members: any thread.
class MappedFile {
 public:
  // Throws StartError where there is no such file or it cannot be opened, and
  // where it is not the one that is expected.
  explicit MappedFile(const std::filesystem::path& path);
  MappedFile(const std::filesystem::path& path, const FileStamp& expected);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const FileStamp& stamp() const { return stamp_; }

  // The first byte, or nullptr where the file is not mapped. In front of it
  // lies a page that is not the file's, for the caller to write to.
  std::byte* memory() const { return memory_; }
  size_t mapped_bytes() const { return mapped_bytes_; } // whole pages

  // Brings a range of the mapping into memory. What would be SIGBUS at first
  // touch, such as a broken disk, is a std::system_error here.
  void touch(uint64_t begin, size_t bytes) const;
  // Tells the system that a range is needed soon.
  void announce(uint64_t begin, size_t bytes) const;
  // Gives back what a range of the mapping takes; touched again it is read
  // again.
  void forget(uint64_t begin, size_t bytes) const;

  // The same bytes without the mapping. Throws std::system_error.
  void read(uint64_t begin, void* to, size_t bytes) const;

 private:
  void map();

  int descriptor_ = -1;
  FileStamp stamp_{};
  std::byte* memory_ = nullptr;
  size_t mapped_bytes_ = 0;
  size_t page_bytes_ = 0;
};

} // namespace parallm
