#include "cli/bench/output_file.h"

#include <fmt/format.h>

#include "base/check.h"

namespace parallm::bench {

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

} // namespace parallm::bench
