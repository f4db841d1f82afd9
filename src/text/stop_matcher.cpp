#include "text/stop_matcher.h"

#include <algorithm>

namespace parallm {

namespace {

// fallback[n]: of the first n bytes, the longest proper prefix that is also a
// suffix (Knuth, Morris, Pratt 1977).
std::vector<int> fallback_table(std::string_view text) {
  std::vector<int> fallback(text.size() + 1, 0);
  int length = 0;
  for (size_t at = 1; at < text.size(); ++at) {
    while (length > 0 && text[at] != text[length]) {
      length = fallback[length];
    }
    length += text[at] == text[length];
    fallback[at + 1] = length;
  }
  return fallback;
}

} // namespace

StopMatcher::StopMatcher(std::vector<std::string> stops, bool include_stop)
    : include_stop_(include_stop) {
  for (auto& text : stops) {
    auto table = fallback_table(text);
    stops_.push_back({std::move(text), std::move(table)});
  }
}

int StopMatcher::push(std::string_view text, std::string& out) {
  for (const char byte : text) {
    held_ += byte;
    const int stop = advance(byte);
    if (stop >= 0) {
      release(include_stop_ ? 0 : stops_[stop].text.size(), out);
      held_.clear();
      return stop;
    }
  }
  release_settled(out);
  return -1;
}

void StopMatcher::pass(std::string_view text, std::string& out) {
  for (const char byte : text) {
    held_ += byte;
    advance(byte);
    for (Stop& stop : stops_) {
      if (stop.matched == int(stop.text.size())) { // counts for nothing here
        stop.matched = stop.fallback[stop.matched];
      }
    }
  }
  release_settled(out);
}

// Keeps what the longest begun stop string may still need.
void StopMatcher::release_settled(std::string& out) {
  int kept = 0;
  for (const Stop& stop : stops_) {
    kept = std::max(kept, stop.matched);
  }
  release(kept, out);
}

void StopMatcher::finish(std::string& out) {
  release(0, out);
}

// The longest stop string that ends with this byte, else -1. An empty one
// never matches.
int StopMatcher::advance(char byte) {
  int found = -1;
  for (size_t index = 0; index < stops_.size(); ++index) {
    auto& [text, fallback, matched] = stops_[index];
    while (matched > 0 && text[matched] != byte) {
      matched = fallback[matched];
    }
    matched += !text.empty() && text[matched] == byte;
    const bool whole = !text.empty() && matched == int(text.size());
    if (whole && (found < 0 || text.size() > stops_[found].text.size())) {
      found = int(index);
    }
  }
  return found;
}

// Shows all that is held but its last `kept` bytes.
void StopMatcher::release(size_t kept, std::string& out) {
  const size_t shown = held_.size() - kept;
  out.append(held_, 0, shown);
  held_.erase(0, shown);
}

} // namespace parallm
