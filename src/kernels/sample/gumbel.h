#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

// Noise that is a function and not a stream: of (seed, choice, position,
// token) and of nothing else. Plain numbers. No MLX here; any thread.
namespace parallm {

// Whose draw it is. `position` counts the tokens that the choice has output.
struct NoiseKey {
  uint64_t seed = 0;
  uint32_t choice = 0;
  uint32_t position = 0;
};

using PhiloxWords = std::array<uint32_t, 4>;

// Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers:
// as easy as 1, 2, 3" (2011); the constants are theirs.
inline constexpr uint32_t kPhiloxMultiplier0 = 0xD2511F53;
inline constexpr uint32_t kPhiloxMultiplier1 = 0xCD9E8D57;
inline constexpr uint32_t kPhiloxWeyl0 = 0x9E3779B9;
inline constexpr uint32_t kPhiloxWeyl1 = 0xBB67AE85;
inline constexpr int kPhiloxRounds = 10;

inline PhiloxWords philox(PhiloxWords counter, uint32_t key0, uint32_t key1) {
  for (int round = 0; round < kPhiloxRounds; ++round) {
    const uint64_t a = uint64_t{kPhiloxMultiplier0} * counter[0];
    const uint64_t b = uint64_t{kPhiloxMultiplier1} * counter[2];
    counter = {
        static_cast<uint32_t>(b >> 32) ^ counter[1] ^ key0,
        static_cast<uint32_t>(b),
        static_cast<uint32_t>(a >> 32) ^ counter[3] ^ key1,
        static_cast<uint32_t>(a)};
    key0 += kPhiloxWeyl0;
    key1 += kPhiloxWeyl1;
  }
  return counter;
}

// The random words of tokens 4 * group .. 4 * group + 3.
inline PhiloxWords noise_words(const NoiseKey& key, uint32_t group) {
  return philox(
      {group, key.position, key.choice, 0}, static_cast<uint32_t>(key.seed),
      static_cast<uint32_t>(key.seed >> 32));
}

// In (0, 1): all 32 bits count near 0, where the largest noise comes from.
inline float uniform_of(uint32_t word) {
  const float u = static_cast<float>(word) * 0x1p-32f + 0x1p-33f;
  return std::min(u, 1.0f - 0x1p-24f);
}

// Standard Gumbel: -log of an exponential variate.
inline float gumbel_of(float uniform) {
  return -std::log(-std::log1p(-uniform));
}

// gumbel_of(2^-33) is 22.88: no noise is larger.
inline constexpr float kLargestGumbel = 22.9f;

inline float gumbel_noise(const NoiseKey& key, uint32_t token) {
  return gumbel_of(uniform_of(noise_words(key, token / 4)[token % 4]));
}

} // namespace parallm
