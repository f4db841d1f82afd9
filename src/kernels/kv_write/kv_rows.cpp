#include "kernels/kv_write/kv_rows.h"

#include <algorithm>

#include "base/check.h"
#include "kernels/parts.h"
#include "kernels/vector_math.h"

namespace parallm {
namespace {

using namespace simd;

struct KvRow {
  const char* from;
  char* to;
};

// Head g of row i.
PARALLM_INLINE KvRow row_of(const KvWriteArgs& a, size_t i, int g) {
  const size_t block = a.slots[i] / a.block_tokens;
  const size_t place = a.slots[i] % a.block_tokens;
  const size_t from = i * a.heads + g;
  const size_t to = (block * a.heads + g) * a.block_tokens + place;
  return {
      static_cast<const char*>(a.rows) +
          from * a.width * float_bytes(a.row_type),
      a.pool + to * kv_row_bytes(a.pool_type, a.width)};
}

// 16 numbers from d on, or the last of them and zeros.
template <FloatType kType>
PARALLM_INLINE void load_some(Floats& out, const char* row, int width, int d) {
  load_stored<stored_type(kType)>(out, row + d * float_bytes(kType), width - d);
}

template <FloatType kType>
PARALLM_INLINE float largest(const char* row, int width) {
  LargestMagnitude most;
  for (int d = 0; d < width; d += kLanes) {
    Floats v;
    load_some<kType>(v, row, width, d);
    most.see(v);
  }
  return most.value();
}

// Whole steps of 16 numbers, of which none is more than 127.
PARALLM_INLINE void whole_steps(Bytes& out, Floats& v) {
  v = v > 127.0f ? Floats{} + 127.0f : v;
  v = v < -127.0f ? Floats{} - 127.0f : v;
  v = v + kRounder;
  Words whole; // in its last byte
  bit_cast(whole, v);
  // by halves: in one go it would be made byte by byte
  const Halves halves = __builtin_convertvector(whole, Halves);
  out = __builtin_convertvector(halves, Bytes);
}

// The nearest of 255 steps, of which the outermost are the largest number.
template <FloatType kType>
PARALLM_INLINE void quantise(const KvRow& row, int width) {
  const float scale = largest<kType>(row.from, width) / 127.0f;
  const float steps = scale > 0 ? 1.0f / scale : 0.0f;
  std::memcpy(row.to, &scale, sizeof(scale));
  char* to = row.to + kKvScaleBytes;
  for (int d = 0; d < width; d += kLanes) {
    Floats v;
    load_some<kType>(v, row.from, width, d);
    v = v * steps;
    Bytes bytes;
    whole_steps(bytes, v);
    if (width - d >= kLanes) {
      std::memcpy(to + d, &bytes, sizeof(bytes));
    } else {
      std::memcpy(to + d, &bytes, width - d);
    }
  }
}

PARALLM_INLINE void quantise(const KvWriteArgs& a, const KvRow& row) {
  switch (a.row_type) {
    case FloatType::kF32:
      return quantise<FloatType::kF32>(row, a.width);
    case FloatType::kF16:
      return quantise<FloatType::kF16>(row, a.width);
    case FloatType::kBF16:
      return quantise<FloatType::kBF16>(row, a.width);
  }
}

PARALLM_INLINE void write_row(const KvWriteArgs& a, const KvRow& row) {
  if (a.pool_type == StoredType::kI8) {
    quantise(a, row);
    return;
  }
  if (a.pool_type == stored_type(a.row_type)) {
    std::memcpy(row.to, row.from, kv_row_bytes(a.pool_type, a.width));
    return;
  }
  const FloatType type = a.pool_type == StoredType::kF32   ? FloatType::kF32
                         : a.pool_type == StoredType::kF16 ? FloatType::kF16
                                                           : FloatType::kBF16;
  const size_t bytes = stored_bytes(a.pool_type);
  for (int d = 0; d < a.width; d += kLanes) {
    float v[kLanes];
    const int n = std::min(kLanes, a.width - d);
    load_row(a.row_type, v, row.from + d * float_bytes(a.row_type), n);
    store_row(type, row.to + d * bytes, v, n);
  }
}

struct SomeRows {
  const KvWriteArgs& args;
  size_t first;
  size_t end;
};

// Head by head, so that neighbours in the pool are written one after the other.
PARALLM_INLINE void write_body(const SomeRows& rows) {
  for (int g = 0; g < rows.args.heads; ++g) {
    for (size_t i = rows.first; i < rows.end; ++i) {
      write_row(rows.args, row_of(rows.args, i, g));
    }
  }
}

PARALLM_MULTIVERSION(write_some, write_body, SomeRows)

} // namespace

void check_slots(const KvWriteArgs& args) {
  const size_t slots = args.blocks * args.block_tokens;
  for (int i = 0; i < args.count; ++i) {
    PARALLM_CHECK(
        args.slots[i] >= 0 && static_cast<size_t>(args.slots[i]) < slots,
        "slot {} of {}", args.slots[i], slots);
  }
}

void write_kv_rows(const KvWriteArgs& args, size_t first, size_t end) {
  write_some({args, first, end});
}

void write_kv_rows(const KvWriteArgs& args) {
  check_slots(args);
  const auto numbers = static_cast<size_t>(args.heads) * args.width;
  in_row_parts(args.count, numbers, [&](size_t first, size_t end) {
    write_kv_rows(args, first, end);
  });
}

} // namespace parallm
