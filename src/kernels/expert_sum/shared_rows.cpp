#include "kernels/expert_sum/shared_rows.h"

#include <algorithm>
#include <vector>

namespace parallm {
namespace {

struct SharedPart {
  const SharedRows& rows;
  size_t first;
  size_t end;
};

// Both padded to whole vectors.
PARALLM_INLINE void add_times(
    std::vector<float>& sum, const std::vector<float>& row, float share) {
  for (size_t i = 0; i < sum.size(); i += simd::kLanes) {
    simd::Floats total, number;
    std::memcpy(&total, &sum[i], sizeof(total));
    std::memcpy(&number, &row[i], sizeof(number));
    total += number * share;
    std::memcpy(&sum[i], &total, sizeof(total));
  }
}

PARALLM_INLINE void shared_body(const SharedPart& part) {
  const SharedRows& a = part.rows;
  const size_t row_bytes = a.width * float_bytes(a.type);
  std::vector<float> sum(simd::round_up(a.width)), row(sum.size());
  for (size_t t = part.first; t < part.end; ++t) {
    std::fill(sum.begin(), sum.end(), 0.0f);
    for (int k = 0; k < a.experts; ++k) {
      const size_t visit = t * a.experts + k;
      simd::load_row(
          a.type, row.data(), static_cast<const char*>(a.y) + visit * row_bytes,
          a.width);
      add_times(sum, row, a.shares[visit]);
    }
    store_row(
        a.type, static_cast<char*>(a.out) + t * row_bytes, sum.data(), a.width);
  }
}

PARALLM_MULTIVERSION(shared_part, shared_body, SharedPart)

} // namespace

void add_shared_rows(const SharedRows& rows, size_t first, size_t end) {
  shared_part({rows, first, end});
}

} // namespace parallm
