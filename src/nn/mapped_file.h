#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>

namespace parallm {

// A file opened for reading and, where the system can, mapped: its bytes in
// memory without a copy, its pages those of the system's file cache. Writes to
// them stay this process's own. Whoever shortens the file afterwards ends the
// process (SIGBUS): a file in use is replaced by another, never overwritten.
// Const members: any thread.
class MappedFile {
 public:
  // Throws StartError unless the file has exactly these bytes.
  MappedFile(const std::filesystem::path& path, uint64_t bytes);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  // The first byte, or nullptr where the file is not mapped. In front of it
  // lies a page that is not the file's, for the caller to write to.
  std::byte* memory() const { return memory_; }
  size_t mapped_bytes() const { return mapped_bytes_; } // whole pages

  // Brings a range of the mapping into memory. What would be SIGBUS at first
  // touch, such as a broken disk, is a std::system_error here.
  void touch(uint64_t begin, size_t bytes) const;
  // Tells the system that a range is needed soon.
  void announce(uint64_t begin, size_t bytes) const;
  // Gives back what a range of the mapping takes; what was written may be lost.
  void forget(uint64_t begin, size_t bytes) const;

  // The same bytes without the mapping. Throws std::system_error.
  void read(uint64_t begin, void* to, size_t bytes) const;

 private:
  void map(uint64_t bytes);

  int descriptor_ = -1;
  std::byte* memory_ = nullptr;
  size_t mapped_bytes_ = 0;
  size_t page_bytes_ = 0;
};

} // namespace parallm
