#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace parallm::test {

// What a stop matcher shows of a whole text: the plain reference.
struct Stopped {
  std::string shown{};
  int stop = -1;
  bool operator==(const Stopped&) const = default;
};

inline Stopped naive_stop(
    std::string_view text,
    const std::vector<std::string>& stops,
    bool include_stop) {
  for (size_t end = 1; end <= text.size(); ++end) {
    int found = -1;
    for (size_t index = 0; index < stops.size(); ++index) {
      const auto& stop = stops[index];
      const bool here = !stop.empty() && text.substr(0, end).ends_with(stop);
      if (here && (found < 0 || stop.size() > stops[found].size())) {
        found = static_cast<int>(index);
      }
    }
    if (found >= 0) {
      const size_t cut = include_stop ? end : end - stops[found].size();
      return {std::string(text.substr(0, cut)), found};
    }
  }
  return {std::string(text), -1};
}

} // namespace parallm::test
