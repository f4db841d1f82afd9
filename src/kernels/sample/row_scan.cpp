#include "kernels/sample/row_scan.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "kernels/vector_math.h"

namespace parallm {
namespace {

using namespace simd;

using Longs = uint64_t __attribute__((vector_size(64), aligned(4)));

constexpr float kNever = -std::numeric_limits<float>::infinity();

// x > y is x >= next_above(y).
float next_above(float x) {
  return std::nextafter(x, std::numeric_limits<float>::infinity());
}

// Four vectors: enough to keep the pipelines of the machine busy.
constexpr int kBlock = 4 * kLanes;

// The blocks of a part; the last is filled up.
class Blocks {
 public:
  PARALLM_INLINE Blocks(const RowPart& part, float filling) : part_(part) {
    const int full = part.count / kBlock * kBlock;
    for (int i = 0; i < kBlock; ++i) {
      last_[i] = full + i < part.count ? part.logits[full + i] : filling;
    }
  }

  PARALLM_INLINE void load(Floats (&out)[4], int i) const {
    const bool whole = i + kBlock <= part_.count;
    std::memcpy(out, whole ? part_.logits + i : last_, sizeof(out));
  }

 private:
  const RowPart& part_;
  float last_[kBlock];
};

// To values. Most requests leave the temperature at 1.
PARALLM_INLINE void divide(Floats (&block)[4], float temperature) {
  if (temperature != 1) {
    for (Floats& v : block) {
      v = v / temperature;
    }
  }
}

PARALLM_INLINE void raise(Floats& largest, const Floats& v) {
  largest = v > largest ? v : largest;
}

PARALLM_INLINE void largest_of(Floats& out, const Floats (&block)[4]) {
  Floats left = block[0], right = block[2];
  raise(left, block[1]);
  raise(right, block[3]);
  raise(left, right);
  out = left;
}

// Which lanes have v >= least, as 1 and 0. One comparison and a choice between
// two numbers become two instructions; bare or combined ones are taken apart,
// lane by lane, by gcc 12.
PARALLM_INLINE void at_least(Ints& out, const Floats& v, float least) {
  out = v >= least ? Ints{} + 1 : Ints{};
}

PARALLM_INLINE bool any(const Ints& mask) {
  uint64_t parts[8];
  std::memcpy(parts, &mask, sizeof(mask));
  return ((parts[0] | parts[1]) | (parts[2] | parts[3]) |
          (parts[4] | parts[5]) | (parts[6] | parts[7])) != 0;
}

struct ExtentArgs {
  const RowPart& part;
  PartExtent& extent;
};

// What is not a number has larger bits than infinity, but for its sign.
PARALLM_INLINE void extent_body(const ExtentArgs& args) {
  Floats largest[4];
  Ints magnitude[4];
  for (int j = 0; j < 4; ++j) {
    largest[j] = Floats{} + kNever;
    magnitude[j] = Ints{};
  }
  const Blocks blocks(args.part, kNever);
  for (int i = 0; i < args.part.count; i += kBlock) {
    Floats block[4];
    blocks.load(block, i);
    for (int j = 0; j < 4; ++j) {
      Ints bits;
      bit_cast(bits, block[j]);
      bits &= 0x7fffffff;
      magnitude[j] = bits > magnitude[j] ? bits : magnitude[j];
      raise(largest[j], block[j]);
    }
  }
  for (int j = 1; j < 4; ++j) {
    raise(largest[0], largest[j]);
    magnitude[0] = magnitude[j] > magnitude[0] ? magnitude[j] : magnitude[0];
  }
  std::memcpy(args.extent.largest.data(), &largest[0], sizeof(largest[0]));
  args.extent.has_nan = any(magnitude[0] > 0x7f800000 ? magnitude[0] : Ints{});
}

PARALLM_MULTIVERSION(extent_kernel, extent_body, ExtentArgs)

struct WeightArgs {
  const RowPart& part;
  float largest;
  float least;
  double& total;
};

// Added up in double: over a vocabulary the error of float would be seen.
PARALLM_INLINE void weight_body(const WeightArgs& args) {
  using Doubles = double __attribute__((vector_size(64), aligned(8)));
  using Eight = float __attribute__((vector_size(32), aligned(4)));
  Doubles sums[4] = {};
  const Blocks blocks(args.part, kNever);
  for (int i = 0; i < args.part.count; i += kBlock) {
    Floats block[4];
    blocks.load(block, i);
    divide(block, args.part.temperature);
    for (int j = 0; j < 4; ++j) {
      const Floats distance = block[j] - args.largest;
      Floats weight;
      exp(weight, distance);
      weight = block[j] < args.least ? Floats{} : weight;
      Eight halves[2];
      std::memcpy(halves, &weight, sizeof(weight));
      sums[j] += __builtin_convertvector(halves[0], Doubles);
      sums[j] += __builtin_convertvector(halves[1], Doubles);
    }
  }
  const Doubles sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  args.total = ((sum[0] + sum[1]) + (sum[2] + sum[3])) +
               ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

PARALLM_MULTIVERSION(weight_kernel, weight_body, WeightArgs)

struct AboveArgs {
  const RowPart& part;
  float least;
  int32_t* places;
  int& found;
};

PARALLM_INLINE void above_body(const AboveArgs& args) {
  int found = 0;
  const Blocks blocks(args.part, kNever);
  for (int i = 0; i < args.part.count; i += kBlock) {
    Floats block[4];
    blocks.load(block, i);
    Floats largest;
    largest_of(largest, block);
    Ints above;
    at_least(above, largest, args.least);
    if (any(above)) { // seldom
      const int end = std::min(i + kBlock, args.part.count);
      for (int place = i; place < end; ++place) {
        if (args.part.logits[place] >= args.least) {
          args.places[found++] = place;
        }
      }
    }
  }
  args.found = found;
}

PARALLM_MULTIVERSION(above_kernel, above_body, AboveArgs)

struct CountArgs {
  const RowPart& part;
  float least;
  int& count;
};

// How many logits are at least so large. What fills up the end is not.
PARALLM_INLINE void count_body(const CountArgs& args) {
  Ints counts[4] = {};
  const Blocks blocks(args.part, std::numeric_limits<float>::quiet_NaN());
  for (int i = 0; i < args.part.count; i += kBlock) {
    Floats block[4];
    blocks.load(block, i);
    for (int j = 0; j < 4; ++j) {
      Ints large;
      at_least(large, block[j], args.least);
      counts[j] += large;
    }
  }
  const Ints sum = (counts[0] + counts[1]) + (counts[2] + counts[3]);
  int count = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    count += sum[lane];
  }
  args.count = count;
}

PARALLM_MULTIVERSION(count_kernel, count_body, CountArgs)

int count_of(const RowPart& part, float least) {
  int count = 0;
  count_kernel({part, least, count});
  return count;
}

// The noise is at most -log(uniform), and that is at most this: no logarithm
// is needed for nearly all tokens. The addend covers rounding.
float noise_bound(float uniform) {
  const int exponent =
      static_cast<int>(std::bit_cast<uint32_t>(uniform) >> 23) - 127;
  return static_cast<float>(-exponent) * 0.693148f + 1e-3f;
}

struct DrawArgs {
  const RowPart& part;
  float floor;
  NoiseKey noise;
  BestScore& best;
};

// Four tokens, which share one draw of words. Those that the largest possible
// noise cannot lift are ruled out before.
void draw_group(const DrawArgs& args, int begin, int end) {
  const RowPart& part = args.part;
  const float largest =
      *std::max_element(part.logits + begin, part.logits + end) /
      part.temperature;
  if (largest < args.floor || largest + kLargestGumbel < args.best.score) {
    return;
  }
  const auto words =
      noise_words(args.noise, static_cast<uint32_t>(part.first + begin) / 4);
  for (int i = begin; i < end; ++i) {
    const float value = part.logits[i] / part.temperature;
    const float uniform = uniform_of(words[static_cast<size_t>(i - begin)]);
    if (value >= args.floor &&
        value + noise_bound(uniform) >= args.best.score) {
      args.best.offer(value + gumbel_of(uniform), part.first + i);
    }
  }
}

void draw_narrow(const DrawArgs& args) {
  for (int i = 0; i < args.part.count; i += 4) {
    draw_group(args, i, std::min(i + 4, args.part.count));
  }
}

// Philox of 16 counters, two vectors of eight for each word. The upper halves
// of the lanes are never read.
struct WidePhilox {
  Longs c0[2], c1[2], c2[2], c3[2];

  PARALLM_INLINE void start(const NoiseKey& noise, uint32_t group) {
    for (int half = 0; half < 2; ++half) {
      for (int lane = 0; lane < 8; ++lane) {
        c0[half][lane] = group + 8 * half + lane;
      }
      c1[half] = Longs{} + noise.position;
      c2[half] = Longs{} + noise.choice;
      c3[half] = Longs{};
    }
  }

  PARALLM_INLINE void round(uint32_t key0, uint32_t key1) {
    for (int half = 0; half < 2; ++half) {
      const Longs a = (c0[half] & 0xFFFFFFFFu) * kPhiloxMultiplier0;
      const Longs b = (c2[half] & 0xFFFFFFFFu) * kPhiloxMultiplier1;
      c0[half] = (b >> 32) ^ c1[half] ^ key0;
      c1[half] = b;
      c2[half] = (a >> 32) ^ c3[half] ^ key1;
      c3[half] = a;
    }
  }

  PARALLM_INLINE void run(const NoiseKey& noise, uint32_t group) {
    start(noise, group);
    auto key0 = static_cast<uint32_t>(noise.seed);
    auto key1 = static_cast<uint32_t>(noise.seed >> 32);
    for (int i = 0; i < kPhiloxRounds; ++i) {
      round(key0, key1);
      key0 += kPhiloxWeyl0;
      key1 += kPhiloxWeyl1;
    }
  }
};

// The words of 64 tokens in the order of their ids.
PARALLM_INLINE void words_in_order(Words (&out)[4], const WidePhilox& philox) {
  for (int half = 0; half < 2; ++half) {
    // Words 0 and 1 of a group beside each other, and 2 and 3.
    const Longs low = (philox.c0[half] & 0xFFFFFFFFu) | (philox.c1[half] << 32);
    const Longs high =
        (philox.c2[half] & 0xFFFFFFFFu) | (philox.c3[half] << 32);
    const Longs first =
        __builtin_shufflevector(low, high, 0, 8, 1, 9, 2, 10, 3, 11);
    const Longs second =
        __builtin_shufflevector(low, high, 4, 12, 5, 13, 6, 14, 7, 15);
    bit_cast(out[2 * half], first);
    bit_cast(out[2 * half + 1], second);
  }
}

// noise_bound of uniform_of.
PARALLM_INLINE void noise_bounds(Floats& out, const Words& words) {
  const Floats uniform =
      __builtin_convertvector(words, Floats) * 0x1p-32f + 0x1p-33f;
  Ints exponents;
  bit_cast(exponents, uniform);
  exponents = 127 - (exponents >> 23);
  out = __builtin_convertvector(exponents, Floats) * 0.693148f + 1e-3f;
}

PARALLM_INLINE bool may_beat(
    const Floats (&values)[4], float reach, float score) {
  Floats largest;
  largest_of(largest, values);
  largest += reach;
  Ints may;
  at_least(may, largest, score);
  return any(may);
}

PARALLM_INLINE void offer_passing(
    const Floats& values,
    const Words& words,
    const Ints& passing,
    int32_t id,
    BestScore& best) {
  for (int lane = 0; lane < kLanes; ++lane) {
    if (passing[lane]) {
      best.offer(values[lane] + gumbel_of(uniform_of(words[lane])), id + lane);
    }
  }
}

// What lies beyond the end has values that beat nothing.
PARALLM_INLINE void draw_body(const DrawArgs& args) {
  const RowPart& part = args.part;
  const Blocks blocks(part, kNever);
  for (int i = 0; i < part.count; i += kBlock) {
    Floats values[4];
    blocks.load(values, i);
    divide(values, part.temperature);
    for (Floats& v : values) {
      v = v < args.floor ? Floats{} + kNever : v;
    }
    if (!may_beat(values, kLargestGumbel, args.best.score)) {
      continue;
    }
    WidePhilox philox;
    philox.run(args.noise, static_cast<uint32_t>(part.first + i) / 4);
    Words words[4];
    words_in_order(words, philox);
    for (int j = 0; j < 4; ++j) {
      Floats bound;
      noise_bounds(bound, words[j]);
      bound += values[j];
      Ints passing;
      at_least(passing, bound, args.best.score);
      if (any(passing)) {
        offer_passing(
            values[j], words[j], passing, part.first + i + j * kLanes,
            args.best);
      }
    }
  }
}

PARALLM_MULTIVERSION(draw_wide, draw_body, DrawArgs)

// Others lack a product of 64 bits: there four tokens at a time are faster.
bool is_wide(InstructionSet set) {
  return vector_set(set) == InstructionSet::kAvx512;
}

} // namespace

PartExtent extent_of(const RowPart& part) {
  PartExtent extent;
  extent_kernel({part, extent});
  return extent;
}

double weight_of(const RowPart& part, float largest, float least) {
  double total = 0;
  weight_kernel({part, largest, least, total});
  return total;
}

int places_above(const RowPart& part, float floor, int32_t* places) {
  int found = 0;
  above_kernel({part, next_above(floor), places, found});
  return found;
}

// Those of lower ids may be equal, those of higher ids must be larger.
int tokens_before(const RowPart& part, float logit, int32_t id) {
  const int lower = std::clamp(id - part.first, 0, part.count);
  return count_of({part.logits, lower}, logit) +
         count_of({part.logits + lower, part.count - lower}, next_above(logit));
}

BestScore draw_from(
    const RowPart& part, float floor, NoiseKey noise, BestScore best) {
  const DrawArgs args{part, floor, noise, best};
  is_wide(instruction_set()) ? draw_wide(args) : draw_narrow(args);
  return best;
}

} // namespace parallm
