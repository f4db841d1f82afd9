#include "nn/gguf/gguf_blocks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

// Against numbers worked out one by one from the description of the types.
namespace parallm {
namespace {

using Bytes = std::vector<uint8_t>;
using Numbers = std::vector<float>;

float half(const Bytes& block, size_t at) {
  _Float16 value;
  std::memcpy(&value, &block[at], sizeof(value));
  return static_cast<float>(value);
}

int nibble(const Bytes& block, size_t at, int i, int apart) {
  const uint8_t byte = block[at + i % apart];
  return i < apart ? byte & 15 : byte >> 4;
}

Numbers plain_q4_0(const Bytes& block) {
  Numbers out;
  for (int i = 0; i < 32; ++i) {
    out.push_back(
        half(block, 0) * static_cast<float>(nibble(block, 2, i, 16) - 8));
  }
  return out;
}

Numbers plain_q4_1(const Bytes& block) {
  Numbers out;
  for (int i = 0; i < 32; ++i) {
    out.push_back(
        half(block, 0) * static_cast<float>(nibble(block, 4, i, 16)) +
        half(block, 2));
  }
  return out;
}

int fifth_bit(const Bytes& block, size_t at, int i) {
  return block[at + i / 8] >> (i % 8) & 1;
}

Numbers plain_q5_0(const Bytes& block) {
  Numbers out;
  for (int i = 0; i < 32; ++i) {
    const int code = nibble(block, 6, i, 16) + 16 * fifth_bit(block, 2, i);
    out.push_back(half(block, 0) * static_cast<float>(code - 16));
  }
  return out;
}

Numbers plain_q5_1(const Bytes& block) {
  Numbers out;
  for (int i = 0; i < 32; ++i) {
    const int code = nibble(block, 8, i, 16) + 16 * fifth_bit(block, 4, i);
    out.push_back(half(block, 0) * static_cast<float>(code) + half(block, 2));
  }
  return out;
}

Numbers plain_q8_0(const Bytes& block) {
  Numbers out;
  for (int i = 0; i < 32; ++i) {
    out.push_back(
        half(block, 0) * static_cast<float>(static_cast<int8_t>(block[2 + i])));
  }
  return out;
}

// Bit by bit: scale j of 8 in the first half of 12 bytes and above the third.
int six_bits(const Bytes& block, int j, bool minimum) {
  const uint8_t* packed = &block[4];
  const int own = minimum ? 4 : 0;
  if (j < 4) {
    return packed[own + j] & 63;
  }
  const int low = minimum ? packed[4 + j] >> 4 : packed[4 + j] & 15;
  return low + 16 * (packed[own + j - 4] >> 6);
}

// Number i of a K type's block.
float plain_k(const Bytes& block, int i, int code) {
  const auto group = [&](bool minimum) {
    return static_cast<float>(six_bits(block, i / 32, minimum));
  };
  const float scale = half(block, 0) * group(false);
  const float low = half(block, 2) * group(true);
  return scale * static_cast<float>(code) - low;
}

Numbers plain_q4_k(const Bytes& block) {
  Numbers out;
  for (int i = 0; i < 256; ++i) {
    out.push_back(
        plain_k(block, i, nibble(block, 16 + i / 64 * 32, i % 64, 32)));
  }
  return out;
}

Numbers plain_q5_k(const Bytes& block) {
  Numbers out;
  for (int i = 0; i < 256; ++i) {
    const int fifth = block[16 + i % 32] >> (i / 32) & 1;
    const int four = nibble(block, 48 + i / 64 * 32, i % 64, 32);
    out.push_back(plain_k(block, i, four + 16 * fifth));
  }
  return out;
}

Numbers plain_q6_k(const Bytes& block) {
  Numbers out;
  for (int i = 0; i < 256; ++i) {
    const int in_half = i % 128, quarter = in_half / 32, l = in_half % 32;
    const int low = block[i / 128 * 64 + quarter % 2 * 32 + l];
    const int high = block[128 + i / 128 * 32 + l] >> (2 * quarter) & 3;
    const int code = (quarter < 2 ? low & 15 : low >> 4) + 16 * high - 32;
    const auto scale = static_cast<int8_t>(block[192 + i / 16]);
    out.push_back(half(block, 208) * static_cast<float>(scale * code));
  }
  return out;
}

// A stream of codes, low bits first.
int code_at(const Bytes& codes, int bits, int i) {
  int code = 0;
  for (int k = 0; k < bits; ++k) {
    const int at = i * bits + k;
    code |= (codes[at / 8] >> (at % 8) & 1) << k;
  }
  return code;
}

// As our kernels read it.
Numbers unpacked(GgufType type, const Bytes& block) {
  const auto& info = info_of(type);
  Bytes codes(static_cast<size_t>(info.block_numbers) * info.bits / 8);
  std::vector<AffineGroup> groups(info.block_numbers / kGgufGroup);
  repack_blocks(type, block, codes, groups);
  Numbers out;
  for (int i = 0; i < info.block_numbers; ++i) {
    const int code = code_at(codes, info.bits, i);
    const auto& group = groups[i / kGgufGroup];
    out.push_back(static_cast<float>(code) * group.scale + group.bias);
  }
  return out;
}

void put_half(Bytes& block, size_t at, double value) {
  const auto rounded = static_cast<_Float16>(value);
  std::memcpy(&block[at], &rounded, sizeof(rounded));
}

// Any bytes but for halves, which are numbers, some of them subnormal.
std::vector<Bytes> random_blocks(
    GgufType type, const std::vector<size_t>& halves) {
  std::mt19937 random(20261124);
  std::vector<Bytes> blocks;
  for (int i = 0; i < 200; ++i) {
    Bytes block(info_of(type).block_bytes);
    std::ranges::generate(
        block, [&] { return static_cast<uint8_t>(random()); });
    for (const size_t at : halves) {
      const double part = static_cast<int>(random() % 2001) - 1000;
      put_half(block, at, std::ldexp(part, -static_cast<int>(random() % 30)));
    }
    blocks.push_back(block);
  }
  return blocks;
}

void expect_exact(
    GgufType type,
    const std::vector<size_t>& halves,
    Numbers (*plain)(const Bytes&)) {
  for (const auto& block : random_blocks(type, halves)) {
    EXPECT_EQ(unpacked(type, block), plain(block)) << info_of(type).name;
  }
}

TEST(GgufBlocks, StandForTheSameNumbersWhenPackedAnew) {
  expect_exact(GgufType::kQ4_0, {0}, plain_q4_0);
  expect_exact(GgufType::kQ4_1, {0, 2}, plain_q4_1);
  expect_exact(GgufType::kQ5_0, {0}, plain_q5_0);
  expect_exact(GgufType::kQ5_1, {0, 2}, plain_q5_1);
  expect_exact(GgufType::kQ8_0, {0}, plain_q8_0);
  expect_exact(GgufType::kQ4_K, {0, 2}, plain_q4_k);
  expect_exact(GgufType::kQ5_K, {0, 2}, plain_q5_k);
}

// Half a step of a grid over the group, and what float32 rounds.
float allowed(const Numbers& numbers, size_t group) {
  const auto begin = numbers.begin() + static_cast<ptrdiff_t>(group) * 32;
  const auto [least, most] = std::minmax_element(begin, begin + 32);
  return (*most - *least) * (0.5f / 255 + 1e-6f);
}

TEST(GgufBlocks, OfSixBitsComeWithinHalfAStepOf255) {
  for (const auto& block : random_blocks(GgufType::kQ6_K, {208})) {
    const Numbers plain = plain_q6_k(block);
    const Numbers ours = unpacked(GgufType::kQ6_K, block);
    for (size_t i = 0; i < plain.size(); ++i) {
      EXPECT_LE(std::abs(ours[i] - plain[i]), allowed(plain, i / 32)) << i;
    }
  }
}

// Where both groups of 16 have one scale, or one twice the other and codes in
// the middle, a grid of 256 has them all.
TEST(GgufBlocks, OfSixBitsAreExactWhereAGridHasThem) {
  for (auto block : random_blocks(GgufType::kQ6_K, {208})) {
    for (size_t i = 192; i < 208; i += 2) {
      block[i + 1] = block[i];
    }
    const Numbers plain = plain_q6_k(block);
    const Numbers ours = unpacked(GgufType::kQ6_K, block);
    for (size_t i = 0; i < plain.size(); ++i) {
      EXPECT_NEAR(ours[i], plain[i], 2e-7f * (allowed(plain, i / 32) * 510))
          << i;
    }
  }
}

} // namespace
} // namespace parallm
