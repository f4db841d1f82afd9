#include "runner/load_progress.h"

#include <fmt/format.h>

#include <algorithm>

namespace parallm {
namespace {

constexpr double kSecondsBetween = 5; // a guess at what does not annoy
constexpr double kGiB = 1 << 30;

} // namespace

std::optional<std::string> LoadProgress::line(
    double seconds, size_t read, size_t all) {
  if (seconds < told_at_ + kSecondsBetween) {
    return std::nullopt;
  }
  told_at_ = seconds;
  const auto part = static_cast<double>(read);
  const auto whole = static_cast<double>(std::max(all, size_t{1}));
  return fmt::format(
      "loading: {:.0f} % of {:.1f} GiB after {:.0f} s", 100 * part / whole,
      whole / kGiB, seconds);
}

} // namespace parallm
