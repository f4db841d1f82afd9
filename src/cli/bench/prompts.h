#pragma once

#include <cstdint>
#include <random>
#include <string>

namespace parallm::bench {

// Texts of random words, another each time; the same on every machine for a
// seed. One thread.
class Prompts {
 public:
  explicit Prompts(uint32_t seed) : random_(seed) {}

  std::string next(int words);

 private:
  std::mt19937_64 random_;
};

} // namespace parallm::bench
