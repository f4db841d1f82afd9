#include "kernels/roofline.h"

#ifdef __linux__
#include <sys/mman.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

#include "kernels/peak_loops.h"
#include "kernels/simd.h"

namespace parallm {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMiB = size_t{1} << 20;
constexpr size_t kHugePage = 2 * kMiB;
// A thread reads its piece as so many streams, each with its own place in the
// prefetchers. Guessed.
constexpr size_t kPiece = 2 * kMiB;
constexpr int kStreams = 4;
// About half a millisecond: whoever comes late costs no more than that.
constexpr int kTasksPerThread = 16;
constexpr int64_t kSteps = 1 << 16;

template <class Work>
double best_seconds(int rounds, const Work& work) {
  double best = 1e9;
  for (int i = 0; i < rounds; ++i) {
    const auto begin = Clock::now();
    work();
    const std::chrono::duration<double> taken = Clock::now() - begin;
    best = std::min(best, taken.count());
  }
  return best;
}

size_t buffer_bytes(size_t wanted) {
  if (wanted != 0) {
    return std::max(wanted / kPiece, size_t{2}) / 2 * 2 * kPiece;
  }
  size_t cache = 0;
#if defined(__linux__) && defined(_SC_LEVEL3_CACHE_SIZE)
  cache = static_cast<size_t>(std::max(0L, sysconf(_SC_LEVEL3_CACHE_SIZE)));
#endif
  return std::clamp(8 * cache, 256 * kMiB, 2048 * kMiB) / kHugePage * kHugePage;
}

struct Freed {
  void operator()(uint8_t* buffer) const { std::free(buffer); }
};
using Buffer = std::unique_ptr<uint8_t, Freed>;

// In large pages where there are: what is measured is memory, not its tables.
Buffer make_buffer(KernelPool& pool, size_t bytes) {
  Buffer buffer(static_cast<uint8_t*>(std::aligned_alloc(kHugePage, bytes)));
  if (!buffer) {
    throw std::bad_alloc();
  }
#ifdef __linux__
  madvise(buffer.get(), bytes, MADV_HUGEPAGE);
#endif
  pool.run(static_cast<int>(bytes / kPiece), [&](int i) {
    std::memset(buffer.get() + i * kPiece, i, kPiece);
  });
  return buffer;
}

struct ReadArgs {
  const uint8_t* from; // kPiece bytes
  simd::Words* sink;
};

PARALLM_INLINE void read_body(const ReadArgs& a) {
  constexpr size_t kStream = kPiece / kStreams;
  simd::Words sums[kStreams][2] = {};
  for (size_t at = 0; at < kStream; at += 2 * sizeof(simd::Words)) {
    for (int s = 0; s < kStreams; ++s) {
      const auto* words =
          reinterpret_cast<const simd::Words*>(a.from + s * kStream + at);
      sums[s][0] ^= words[0];
      sums[s][1] ^= words[1];
    }
  }
  for (int s = 1; s < kStreams; ++s) {
    sums[0][0] ^= sums[s][0];
    sums[0][1] ^= sums[s][1];
  }
  *a.sink = sums[0][0] ^ sums[0][1];
}
PARALLM_MULTIVERSION(read_piece, read_body, ReadArgs)

double read_rate(
    KernelPool& pool, const Buffer& buffer, size_t bytes, int rounds) {
  const double seconds = best_seconds(rounds, [&] {
    pool.run(static_cast<int>(bytes / kPiece), [&](int i) {
      simd::Words sink;
      read_piece({buffer.get() + i * kPiece, &sink});
      keep(&sink);
    });
  });
  return bytes / seconds / 1e9;
}

double copy_rate(
    KernelPool& pool, const Buffer& buffer, size_t bytes, int rounds) {
  const size_t half = bytes / 2;
  const double seconds = best_seconds(rounds, [&] {
    pool.run(static_cast<int>(half / kPiece), [&](int i) {
      uint8_t* const from = buffer.get() + i * kPiece;
      std::memcpy(from + half, from, kPiece);
    });
  });
  return bytes / seconds / 1e9;
}

double operation_rate(KernelPool& pool, const PeakLoop& loop, int rounds) {
  if (loop.run == nullptr) {
    return 0;
  }
  const int tasks = kTasksPerThread * pool.threads();
  const double seconds = best_seconds(
      rounds, [&] { pool.run(tasks, [&](int) { loop.run(kSteps); }); });
  return static_cast<double>(tasks) * kSteps * loop.operations / seconds / 1e9;
}

} // namespace

Roofline measure_roofline(KernelPool& pool, const RooflineEffort& effort) {
  const size_t bytes = buffer_bytes(effort.buffer_bytes);
  const Buffer buffer = make_buffer(pool, bytes);
  const InstructionSet set = instruction_set();
  const int rounds = effort.rounds;
  return {
      .threads = pool.threads(),
      .read_gb_s = read_rate(pool, buffer, bytes, rounds),
      .copy_gb_s = copy_rate(pool, buffer, bytes, rounds),
      .f32_gflop_s = operation_rate(pool, f32_loop(set), rounds),
      .int8_gop_s = operation_rate(pool, int8_loop(set), rounds),
      .bf16_gflop_s = operation_rate(pool, bf16_loop(set), rounds)};
}

double measure_read_gb_s(KernelPool& pool, const RooflineEffort& effort) {
  const size_t bytes = buffer_bytes(effort.buffer_bytes);
  return read_rate(pool, make_buffer(pool, bytes), bytes, effort.rounds);
}

} // namespace parallm
