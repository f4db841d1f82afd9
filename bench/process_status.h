#pragma once

#include <fstream>
#include <string>

namespace parallm {

// A line of /proc/self/status, in MiB; 0 where there is none.
inline double status_mib(const std::string& key) {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    if (word == key + ":") {
      double kib = 0;
      status >> kib;
      return kib / 1024;
    }
  }
  return 0;
}

} // namespace parallm
