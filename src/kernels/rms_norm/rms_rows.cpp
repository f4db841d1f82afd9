#include "kernels/rms_norm/rms_rows.h"

#include <vector>

#include "kernels/rms_norm/rms_row.h"

namespace parallm {
namespace {

struct RmsPart {
  const RmsRows& rows;
  size_t first;
  size_t end;
};

// In float32, padded with zeros to whole vectors; empty if there is none.
struct RmsScratch {
  explicit RmsScratch(const RmsRows& a)
      : row(simd::round_up(a.width)),
        added(a.y != nullptr ? row.size() : 0),
        weight(a.weight.numbers != nullptr ? row.size() : 0),
        y_weight(a.y_weight.numbers != nullptr ? row.size() : 0) {}

  std::vector<float> row, added, weight, y_weight;
};

PARALLM_INLINE void multiply(std::vector<float>& row, float factor) {
  for (size_t i = 0; i < row.size(); ++i) {
    row[i] *= factor;
  }
}

PARALLM_INLINE void load_added(const RmsRows& a, RmsScratch& s, size_t offset) {
  simd::load_row(
      a.type, s.added.data(), static_cast<const char*>(a.y) + offset, a.width);
  if (a.y_weight.numbers != nullptr) {
    simd::bring_to_size(
        s.added.data(), s.y_weight.data(), a.width, a.y_weight.eps);
    round_row(a.type, s.added.data(), a.width);
  }
  if (a.scale != 1) {
    multiply(s.added, a.scale);
    round_row(a.type, s.added.data(), a.width);
  }
}

PARALLM_INLINE void add(const RmsRows& a, RmsScratch& s, size_t offset) {
  load_added(a, s, offset);
  for (size_t i = 0; i < s.row.size(); ++i) {
    s.row[i] += s.added[i];
  }
  round_row(a.type, s.row.data(), a.width);
  store_row(a.type, static_cast<char*>(a.sum) + offset, s.row.data(), a.width);
}

PARALLM_INLINE void rms_row(const RmsRows& a, RmsScratch& s, size_t offset) {
  simd::load_row(
      a.type, s.row.data(), static_cast<const char*>(a.x) + offset, a.width);
  if (a.y != nullptr) {
    add(a, s, offset);
  }
  if (a.normed != nullptr) {
    simd::bring_to_size(s.row.data(), s.weight.data(), a.width, a.weight.eps);
    store_row(
        a.type, static_cast<char*>(a.normed) + offset, s.row.data(), a.width);
  }
}

PARALLM_INLINE void load_weight(
    std::vector<float>& out, const NormWeight& weight, int width) {
  if (weight.numbers != nullptr) {
    simd::load_row(weight.type, out.data(), weight.numbers, width);
  }
}

PARALLM_INLINE void rms_body(const RmsPart& part) {
  const RmsRows& a = part.rows;
  RmsScratch scratch(a);
  load_weight(scratch.weight, a.weight, a.width);
  load_weight(scratch.y_weight, a.y_weight, a.width);
  for (size_t r = part.first; r < part.end; ++r) {
    rms_row(a, scratch, r * a.width * float_bytes(a.type));
  }
}

PARALLM_MULTIVERSION(rms_part, rms_body, RmsPart)

} // namespace

void rms_rows(const RmsRows& rows, size_t first, size_t end) {
  rms_part({rows, first, end});
}

} // namespace parallm
