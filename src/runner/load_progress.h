#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace parallm {

// What is said of a long load: nothing for the first seconds, then a line each
// time some have passed. Time enters as a number. Engine thread.
class LoadProgress {
 public:
  // `seconds` since the load began; `read` of `all` bytes.
  std::optional<std::string> line(double seconds, size_t read, size_t all);

 private:
  double told_at_ = 0;
};

} // namespace parallm
