#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

// For targets that read files.
namespace parallm::fuzz {

inline void expect(bool truth) {
  if (!truth) {
    std::abort();
  }
}

// In memory where that is to be had: a disk is waited for.
inline std::filesystem::path quick_folder() {
  const std::filesystem::path memory = "/dev/shm";
  return std::filesystem::is_directory(memory)
             ? memory
             : std::filesystem::temp_directory_path();
}

// One file, written anew for each input; goes with the process.
class InputFile {
 public:
  InputFile()
      : path_(quick_folder() / ("parallm-fuzz-" + std::to_string(getpid()))) {}
  ~InputFile() { std::filesystem::remove(path_); }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::filesystem::path& write(std::string_view bytes) const {
    std::ofstream(path_, std::ios::binary) << bytes;
    return path_;
  }

 private:
  std::filesystem::path path_;
};

} // namespace parallm::fuzz
