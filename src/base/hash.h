#pragma once

#include <cstdint>

// Plain values and functions without state: any thread.
namespace parallm {

// Finaliser of SplitMix64 (Steele, Lea, Flood 2014): every input bit changes
// about half of the output bits.
constexpr uint64_t mix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

constexpr uint64_t hash_combine(uint64_t seed, uint64_t value) {
  return mix64(seed ^ mix64(value));
}

} // namespace parallm
