#pragma once

#include <string>
#include <string_view>
#include <vector>

// One thread at a time.
namespace parallm {

// Finds stop strings across token borders. Its shard only. Text that may
// still become a stop string is held back; what can no longer is released.
class StopMatcher {
 public:
  explicit StopMatcher(std::vector<std::string> stops, bool include_stop);

  // Feeds text, appends what may be shown to `out`. Returns the index of the
  // stop string that matched (earliest end; ties: longest), else -1. After a
  // match nothing more may be pushed.
  int push(std::string_view text, std::string& out);
  // Feeds text in which no stop string may end; one may begin there.
  void pass(std::string_view text, std::string& out);
  // Releases what was held back.
  void finish(std::string& out);

 private:
  // One stop string with its Knuth-Morris-Pratt table.
  struct Stop {
    std::string text;
    std::vector<int> fallback{}; // by length matched, the next shorter one
    int matched = 0;             // bytes of it that the text now ends with
  };

  int advance(char byte);
  void release_settled(std::string& out);
  void release(size_t kept, std::string& out);

  std::vector<Stop> stops_{};
  bool include_stop_;
  std::string held_{}; // may still become a stop string
};

} // namespace parallm
