#include "nn/gguf/gguf_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "base/check.h"

namespace parallm {
namespace {

// Far above any head: the longest are those of large vocabularies, 20 MB. It
// bounds what is made of one: a list's item of one byte takes eight here.
constexpr uint64_t kMostHeadBytes = 80'000'000;

constexpr uint64_t kPieceBytes = 64 << 10;

} // namespace

GgufReader::GgufReader(const std::filesystem::path& file)
    : path_(file),
      file_(file),
      end_(std::min(file_.stamp().bytes, kMostHeadBytes)) {
}

void GgufReader::refuse(const std::string& complaint) const {
  throw StartError(
      kExitBadData, fmt::format(
                        "{}: {}{}{}", path_.string(), about_,
                        about_.empty() ? "" : " ", complaint));
}

void GgufReader::read(char* to, size_t bytes) {
  if (bytes > left()) {
    refuse(
        end_ < stamp().bytes
            ? fmt::format("lies beyond the first {} bytes", kMostHeadBytes)
            : fmt::format("is cut off: the file has {} bytes", end_));
  }
  while (bytes > 0) {
    if (at_ == piece_begin_ + piece_.size()) {
      fill();
    }
    const char* from = piece_.data() + (at_ - piece_begin_);
    const size_t here =
        std::min<size_t>(bytes, piece_begin_ + piece_.size() - at_);
    to = std::copy_n(from, here, to);
    at_ += here;
    bytes -= here;
  }
}

void GgufReader::fill() {
  piece_begin_ = at_;
  piece_.resize(std::min(left(), kPieceBytes));
  try {
    file_.read(at_, piece_.data(), piece_.size());
  } catch (const std::system_error& error) {
    refuse(fmt::format("cannot be read: {}", error.what()));
  }
}

std::string GgufReader::string(uint64_t most) {
  const auto length = number<uint64_t>();
  expect_at_most(length, "bytes in a string", most, left());
  std::string text(length, '\0');
  read(text.data(), text.size());
  return text;
}

uint64_t GgufReader::count(
    uint64_t most, uint64_t least_bytes, const char* what) {
  const auto count = number<uint64_t>();
  expect_at_most(count, what, most, left() / least_bytes);
  return count;
}

void GgufReader::expect_at_most(
    uint64_t count, const char* what, uint64_t most, uint64_t room) const {
  if (count > most) {
    refuse(fmt::format("has {} {}, expected at most {}", count, what, most));
  }
  if (count > room) {
    refuse(fmt::format(
        "has {} {} and room for {}: truncated or corrupt", count, what, room));
  }
}

} // namespace parallm
