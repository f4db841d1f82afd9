#include "cli/bench/output_file.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#include "base/check.h"

namespace parallm::bench {

namespace {

// As it is where it cannot be followed: then it cannot be written either.
std::filesystem::path without_detours(const std::filesystem::path& path) {
  std::error_code error;
  const auto plain = std::filesystem::weakly_canonical(
      std::filesystem::absolute(path, error), error);
  return error ? path : plain;
}

} // namespace

OutputFile::OutputFile(const std::string& path) : path_(path) {
  if (!path_.empty()) {
    file_.open(path_, std::ios::binary);
    expect_good();
  }
}

void OutputFile::write(const std::string& text) {
  if (!path_.empty()) {
    file_ << text << std::flush;
    expect_good();
  }
}

void OutputFile::expect_good() const {
  if (!file_) {
    throw StartError(
        kExitNoPermission, fmt::format("{}: cannot be written", path_));
  }
}

// Names of a file that is there may have nothing in common: hard links.
bool is_same_file(const std::string& path, const std::string& other) {
  if (path.empty() || other.empty()) {
    return false;
  }
  std::error_code absent;
  return std::filesystem::equivalent(path, other, absent) ||
         without_detours(path) == without_detours(other);
}

} // namespace parallm::bench
