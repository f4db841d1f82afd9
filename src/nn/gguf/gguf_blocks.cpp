#include "nn/gguf/gguf_blocks.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <numeric>

#include "base/check.h"
#include "kernels/floats.h"

namespace parallm {
namespace {

constexpr int kNibbleBytes = kGgufGroup / 2;      // codes of 4 bits
constexpr int kFiveBytes = kGgufGroup * 5 / 8;    // of 5 bits
constexpr int kCodeBytes = kGgufGroup;            // of 8 bits
constexpr int kSuperBlock = 256;                  // numbers of a K type's block
constexpr int kGroups = kSuperBlock / kGgufGroup; // in it

float half_at(const uint8_t* from) {
  return simd::load_one(FloatType::kF16, from, 0);
}

// Numbers 0 to 15 are low nibbles, 16 to 31 high ones; ours lie in pairs.
void pair_nibbles(const uint8_t* from, uint8_t* codes) {
  for (int i = 0; i < kNibbleBytes / 2; ++i) {
    const uint8_t first = from[2 * i], second = from[2 * i + 1];
    codes[i] = static_cast<uint8_t>((first & 15) | (second & 15) << 4);
    codes[i + kNibbleBytes / 2] =
        static_cast<uint8_t>(first >> 4 | (second & 0xf0));
  }
}

// Half d, 16 bytes of nibbles.
void repack_q4_0(const uint8_t* block, uint8_t* codes, AffineGroup* groups) {
  const float d = half_at(block);
  groups[0] = {d, -8 * d};
  pair_nibbles(block + 2, codes);
}

// Halves d and m, 16 bytes of nibbles.
void repack_q4_1(const uint8_t* block, uint8_t* codes, AffineGroup* groups) {
  groups[0] = {half_at(block), half_at(block + 2)};
  pair_nibbles(block + 4, codes);
}

using Fives = std::array<uint8_t, kGgufGroup>; // codes of 5 bits

// As a stream: eight in five bytes.
void pack_fives(const Fives& fives, uint8_t* codes) {
  static_assert(std::endian::native == std::endian::little);
  for (int i = 0; i < kGgufGroup; i += 8, codes += 5) {
    uint64_t stream = 0;
    for (int k = 0; k < 8; ++k) {
      stream |= uint64_t{fives[i + k]} << (5 * k);
    }
    std::memcpy(codes, &stream, 5);
  }
}

// Four bytes of fifth bits, one a number; 16 bytes of nibbles.
void pack_fives(const uint8_t* from, uint8_t* codes) {
  uint32_t fifth;
  std::memcpy(&fifth, from, sizeof(fifth));
  const uint8_t* nibbles = from + sizeof(fifth);
  Fives fives;
  for (int i = 0; i < kGgufGroup; ++i) {
    const int four = nibbles[i % kNibbleBytes] >> (i / kNibbleBytes * 4) & 15;
    fives[i] = static_cast<uint8_t>(four | (fifth >> i & 1) << 4);
  }
  pack_fives(fives, codes);
}

// Half d, 20 bytes of codes.
void repack_q5_0(const uint8_t* block, uint8_t* codes, AffineGroup* groups) {
  const float d = half_at(block);
  groups[0] = {d, -16 * d};
  pack_fives(block + 2, codes);
}

// Halves d and m, 20 bytes of codes.
void repack_q5_1(const uint8_t* block, uint8_t* codes, AffineGroup* groups) {
  groups[0] = {half_at(block), half_at(block + 2)};
  pack_fives(block + 4, codes);
}

// Half d, 32 signed bytes.
void repack_q8_0(const uint8_t* block, uint8_t* codes, AffineGroup* groups) {
  const float d = half_at(block);
  groups[0] = {d, -128 * d};
  for (int i = 0; i < kGgufGroup; ++i) {
    codes[i] = block[2 + i] ^ 0x80; // plus 128
  }
}

struct ScaleAndMin {
  int scale;
  int min;
};

// Of group j of 8: six bits each, in 12 bytes. The last four groups have their
// upper two bits above the six of the first four.
ScaleAndMin scale_and_min(const uint8_t* packed, int j) {
  if (j < kGroups / 2) {
    return {packed[j] & 63, packed[j + 4] & 63};
  }
  return {
      (packed[j + 4] & 15) | (packed[j - 4] >> 6) << 4,
      packed[j + 4] >> 4 | (packed[j] >> 6) << 4};
}

// Of 32 bytes the low nibbles or the high ones.
void take_nibbles(const uint8_t* from, int shift, uint8_t* codes) {
  for (int i = 0; i < kNibbleBytes; ++i) {
    const int first = from[2 * i] >> shift & 15;
    const int second = from[2 * i + 1] >> shift & 15;
    codes[i] = static_cast<uint8_t>(first | second << 4);
  }
}

// Halves d and dmin, 12 bytes of scales and minima.
void take_groups(const uint8_t* block, AffineGroup* groups) {
  const float d = half_at(block), dmin = half_at(block + 2);
  for (int j = 0; j < kGroups; ++j) {
    const auto [scale, min] = scale_and_min(block + 4, j);
    groups[j] = {
        d * static_cast<float>(scale), -dmin * static_cast<float>(min)};
  }
}

// 16 bytes of groups, 128 of nibbles: of each 32 the low ones are a group, and
// the high ones the next.
void repack_q4_k(const uint8_t* block, uint8_t* codes, AffineGroup* groups) {
  take_groups(block, groups);
  const uint8_t* nibbles = block + 16;
  for (int j = 0; j < kGroups; ++j) {
    take_nibbles(
        nibbles + j / 2 * kGgufGroup, j % 2 * 4, codes + j * kNibbleBytes);
  }
}

// 16 bytes of groups, 32 of fifth bits, 128 of nibbles as in Q4_K. Bit j of the
// fifth bits' byte i is of number i of group j.
void repack_q5_k(const uint8_t* block, uint8_t* codes, AffineGroup* groups) {
  take_groups(block, groups);
  const uint8_t* fifth = block + 16;
  for (int j = 0; j < kGroups; ++j) {
    const uint8_t* nibbles = block + 48 + j / 2 * kGgufGroup;
    Fives fives;
    for (int i = 0; i < kGgufGroup; ++i) {
      const int four = nibbles[i] >> (j % 2 * 4) & 15;
      fives[i] = static_cast<uint8_t>(four | (fifth[i] >> j & 1) << 4);
    }
    pack_fives(fives, codes + j * kFiveBytes);
  }
}

// Of a group, in units of the block's d: scale * (code - 32).
using Units = std::array<int, kGgufGroup>;

struct Q6K {
  const uint8_t* low;    // 128 bytes: four bits a code
  const uint8_t* high;   // 64: two bits a code
  const uint8_t* scales; // 16, signed

  explicit Q6K(const uint8_t* block)
      : low(block), high(block + 128), scales(block + 192) {}

  // Number i of group j. A half of the block has 64 bytes of low bits, whose
  // low nibbles are groups 0 and 1 and whose high ones are 2 and 3.
  int code(int j, int i) const {
    const int half = j / 4, part = j % 4;
    const int four = low[half * 64 + part % 2 * 32 + i] >> (part / 2 * 4) & 15;
    const int two = high[half * 32 + i] >> (part * 2) & 3;
    return four | two << 4;
  }
  int scale(int j, int i) const {
    return static_cast<int8_t>(scales[2 * j + i / 16]);
  }
  Units units(int j) const {
    Units units;
    for (int i = 0; i < kGgufGroup; ++i) {
      units[i] = scale(j, i) * (code(j, i) - 32);
    }
    return units;
  }
};

// The distance of a grid of 256 that has all of these, or as nearly as can be.
double step_of(const Units& units, int least, int most) {
  const double finest = (most - least) / 255.0;
  int common = 0;
  for (const int unit : units) {
    common = std::gcd(common, unit - least);
    if (common != 0 && common < finest) {
      return finest;
    }
  }
  return std::max(common, 1);
}

AffineGroup pack_units(const Units& units, double d, uint8_t* codes) {
  const auto [least, most] = std::ranges::minmax(units);
  const double step = step_of(units, least, most), inverse = 1 / step;
  for (int i = 0; i < kGgufGroup; ++i) {
    codes[i] = static_cast<uint8_t>((units[i] - least) * inverse + 0.5);
  }
  return {static_cast<float>(d * step), static_cast<float>(d * least)};
}

// 128 bytes of low bits, 64 of high, 16 scales, half d.
void repack_q6_k(const uint8_t* block, uint8_t* codes, AffineGroup* groups) {
  const Q6K from(block);
  const double d = half_at(block + 208);
  for (int j = 0; j < kGroups; ++j) {
    groups[j] = pack_units(from.units(j), d, codes + j * kCodeBytes);
  }
}

using Repack = void (*)(const uint8_t*, uint8_t*, AffineGroup*);

Repack repack_of(GgufType type) {
  switch (type) {
    case GgufType::kQ4_0:
      return repack_q4_0;
    case GgufType::kQ4_1:
      return repack_q4_1;
    case GgufType::kQ5_0:
      return repack_q5_0;
    case GgufType::kQ5_1:
      return repack_q5_1;
    case GgufType::kQ8_0:
      return repack_q8_0;
    case GgufType::kQ4_K:
      return repack_q4_k;
    case GgufType::kQ5_K:
      return repack_q5_k;
    case GgufType::kQ6_K:
      return repack_q6_k;
    case GgufType::kF32:
    case GgufType::kF16:
    case GgufType::kBF16:
      break;
  }
  return nullptr;
}

} // namespace

void repack_blocks(
    GgufType type,
    std::span<const uint8_t> blocks,
    std::span<uint8_t> codes,
    std::span<AffineGroup> groups) {
  const GgufTypeInfo& info = info_of(type);
  const Repack repack = repack_of(type);
  const size_t count = blocks.size() / info.block_bytes;
  const size_t block_groups = info.block_numbers / kGgufGroup;
  const size_t block_codes = size_t(info.block_numbers) * info.bits / 8;
  PARALLM_CHECK(
      repack && groups.size() == count * block_groups &&
          codes.size() == count * block_codes,
      "{} blocks of {}", count, info.name);
  for (size_t i = 0; i < count; ++i) {
    repack(
        &blocks[i * info.block_bytes], &codes[i * block_codes],
        &groups[i * block_groups]);
  }
}

} // namespace parallm
