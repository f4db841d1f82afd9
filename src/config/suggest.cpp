#include "config/suggest.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace parallm {

namespace {

// Letters to add, drop, replace, or swap with their neighbour.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before, last(b.size() + 1), now(b.size() + 1);
  std::iota(last.begin(), last.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      now[j] = std::min(
          {last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        now[j] = std::min(now[j], before[j - 2] + 1);
      }
    }
    before = last;
    std::swap(last, now);
  }
  return last.back();
}

// Longer than any name we have; keeps the table small.
constexpr size_t kLongest = 64;
// From here on the beginning of a name counts as meaning it.
constexpr size_t kLeastStart = 4;

} // namespace

std::string closest(
    std::string_view name, const std::vector<std::string>& names) {
  if (name.size() > kLongest) {
    return {};
  }
  if (name.size() >= kLeastStart) {
    for (const std::string& candidate : names) {
      if (candidate.starts_with(name)) {
        return candidate;
      }
    }
  }
  std::string best;
  size_t best_distance = std::max<size_t>(2, name.size() / 3) + 1;
  for (const std::string& candidate : names) {
    const size_t changes = distance(name, candidate);
    if (changes < best_distance && changes < candidate.size() / 2 + 1) {
      best = candidate;
      best_distance = changes;
    }
  }
  return best;
}

std::string did_you_mean(
    std::string_view name, const std::vector<std::string>& names) {
  const std::string best = closest(name, names);
  return best.empty() ? "" : fmt::format("; did you mean {}?", best);
}

} // namespace parallm
