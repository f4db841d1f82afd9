#include "kernels/rope/rope_rows.h"

#include <algorithm>

#include "kernels/rms_norm/rms_row.h"
#include "kernels/vector_math.h"

namespace parallm {
namespace {

struct RopePart {
  const RopeRows& rows;
  size_t first;
  size_t end;
};

// In float32, all padded to whole vectors.
struct RopeScratch {
  explicit RopeScratch(const RopeRows& a)
      : head(simd::round_up(a.width)),
        first(simd::round_up(a.half)),
        second(first.size()),
        cosines(first.size()),
        sines(first.size()) {}

  std::vector<float> head;
  std::vector<float> first, second;          // of each pair
  std::vector<float> cosines, sines;         // of a token, times the amplitude
  std::vector<std::vector<float>> weights{}; // of the groups
};

PARALLM_INLINE void load_weights(const RopeRows& a, RopeScratch& s) {
  for (const auto& group : a.groups) {
    s.weights.emplace_back(s.head.size());
    if (group.weight.numbers != nullptr) {
      simd::load_row(
          group.weight.type, s.weights.back().data(), group.weight.numbers,
          a.width);
    }
  }
}

PARALLM_INLINE void find_angles(
    const RopeRows& a, RopeScratch& s, int32_t position) {
  simd::load_row(FloatType::kF32, s.first.data(), a.frequencies, a.half);
  for (size_t i = 0; i < s.first.size(); i += simd::kLanes) {
    simd::Floats frequency, sine, cosine;
    std::memcpy(&frequency, &s.first[i], sizeof(frequency));
    const simd::Floats angle = frequency * static_cast<float>(position);
    simd::turn_into(sine, cosine, angle);
    sine *= a.amplitude;
    cosine *= a.amplitude;
    std::memcpy(&s.sines[i], &sine, sizeof(sine));
    std::memcpy(&s.cosines[i], &cosine, sizeof(cosine));
  }
}

PARALLM_INLINE void take_pairs(const RopeRows& a, RopeScratch& s) {
  if (a.pairs == RopePairs::kHalves) {
    std::copy_n(s.head.data(), a.half, s.first.data());
    std::copy_n(s.head.data() + a.half, a.half, s.second.data());
    return;
  }
  for (int i = 0; i < a.half; ++i) {
    s.first[i] = s.head[2 * i];
    s.second[i] = s.head[2 * i + 1];
  }
}

PARALLM_INLINE void give_pairs(const RopeRows& a, RopeScratch& s) {
  if (a.pairs == RopePairs::kHalves) {
    std::copy_n(s.first.data(), a.half, s.head.data());
    std::copy_n(s.second.data(), a.half, s.head.data() + a.half);
    return;
  }
  for (int i = 0; i < a.half; ++i) {
    s.head[2 * i] = s.first[i];
    s.head[2 * i + 1] = s.second[i];
  }
}

PARALLM_INLINE void turn_pairs(RopeScratch& s) {
  for (size_t i = 0; i < s.first.size(); i += simd::kLanes) {
    simd::Floats a, b, sine, cosine;
    std::memcpy(&a, &s.first[i], sizeof(a));
    std::memcpy(&b, &s.second[i], sizeof(b));
    std::memcpy(&sine, &s.sines[i], sizeof(sine));
    std::memcpy(&cosine, &s.cosines[i], sizeof(cosine));
    const simd::Floats first = a * cosine - b * sine;
    const simd::Floats second = a * sine + b * cosine;
    std::memcpy(&s.first[i], &first, sizeof(first));
    std::memcpy(&s.second[i], &second, sizeof(second));
  }
}

PARALLM_INLINE void rope_head(
    const RopeRows& a,
    RopeScratch& s,
    const float* weight,
    float eps,
    const char* x,
    char* out) {
  simd::load_row(a.type, s.head.data(), x, a.width);
  if (weight != nullptr) {
    simd::bring_to_size(s.head.data(), weight, a.width, eps);
    round_row(a.type, s.head.data(), a.width); // as if it were an array
  }
  take_pairs(a, s);
  turn_pairs(s);
  give_pairs(a, s);
  store_row(a.type, out, s.head.data(), a.width);
}

PARALLM_INLINE void rope_token(const RopeRows& a, RopeScratch& s, size_t t) {
  find_angles(a, s, a.positions[t]);
  for (size_t i = 0; i < a.groups.size(); ++i) {
    const auto& group = a.groups[i];
    const bool weighted = group.weight.numbers != nullptr;
    const char* x =
        group.x + static_cast<std::ptrdiff_t>(t) * group.token_bytes;
    const size_t head_bytes = a.width * float_bytes(a.type);
    char* out = group.out + t * group.heads * head_bytes;
    for (int h = 0; h < group.heads; ++h) {
      rope_head(
          a, s, weighted ? s.weights[i].data() : nullptr, group.weight.eps,
          x + h * group.head_bytes, out + h * head_bytes);
    }
  }
}

PARALLM_INLINE void rope_body(const RopePart& part) {
  RopeScratch scratch(part.rows);
  load_weights(part.rows, scratch);
  for (size_t t = part.first; t < part.end; ++t) {
    rope_token(part.rows, scratch, t);
  }
}

PARALLM_MULTIVERSION(rope_part, rope_body, RopePart)

} // namespace

size_t token_numbers(const RopeRows& rows) {
  size_t heads = 0;
  for (const auto& group : rows.groups) {
    heads += group.heads;
  }
  return heads * rows.width;
}

void rope_rows(const RopeRows& rows, size_t first, size_t end) {
  rope_part({rows, first, end});
}

} // namespace parallm
