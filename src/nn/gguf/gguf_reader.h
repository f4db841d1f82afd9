#pragma once

#include <bit>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "nn/mapped_file.h"

namespace parallm {

// The head of a .gguf file as a stream of numbers and strings that ends where
// the file ends, or where the head has become longer than any is. Throws
// StartError that names the file. One thread.
class GgufReader {
 public:
  explicit GgufReader(const std::filesystem::path& file);

  // Names what is read, for complaints: "tensor NAME".
  void about(std::string what) { about_ = std::move(what); }
  [[noreturn]] void refuse(const std::string& complaint) const;

  template <class Number>
  Number number() {
    Number value;
    read(reinterpret_cast<char*>(&value), sizeof(value));
    return value;
  }
  std::string string(uint64_t most);
  // How many there are of what takes at least so many bytes each.
  uint64_t count(uint64_t most, uint64_t least_bytes, const char* what);

  uint64_t at() const { return at_; }
  const FileStamp& stamp() const { return file_.stamp(); }

 private:
  static_assert(std::endian::native == std::endian::little);

  void read(char* to, size_t bytes);
  void fill();
  uint64_t left() const { return end_ - at_; }
  void expect_at_most(
      uint64_t count, const char* what, uint64_t most, uint64_t room) const;

  std::filesystem::path path_;
  MappedFile file_;
  std::string about_{};
  uint64_t end_; // of what may be read
  uint64_t at_ = 0;
  std::vector<char> piece_{}; // of the file, and where it begins
  uint64_t piece_begin_ = 0;
};

} // namespace parallm
