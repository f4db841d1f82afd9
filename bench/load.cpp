// How long a checkpoint takes to be ready, and what memory that takes.
//   bench_load MODEL [--dtype f32|f16|bf16]
// One load a process, so that the peak is of this load alone. Run it twice: the
// first fills the file cache.
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>

#include "base/check.h"
#include "bench/process_status.h"
#include "runner/load.h"

namespace parallm {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

NumberType parse_type(const char* text) {
  return std::strcmp(text, "f32") == 0    ? NumberType::kF32
         : std::strcmp(text, "f16") == 0  ? NumberType::kF16
         : std::strcmp(text, "bf16") == 0 ? NumberType::kBF16
                                          : NumberType::kAuto;
}

void run(const RunnerOptions& options) {
  const auto start = Clock::now();
  const auto summary = inspect_checkpoint(options);
  const double inspected = since(start);
  const double before = status_mib("VmHWM");
  const auto runner = load_runner(options, summary);
  std::printf(
      "ready %.3f s (inspect %.3f s); weights %.1f MiB; peak %.1f MiB, before "
      "%.1f MiB; now private %.1f MiB, file pages %.1f MiB\n",
      since(start), inspected, double(summary.memory.weights) / (1 << 20),
      status_mib("VmHWM"), before, status_mib("RssAnon"),
      status_mib("RssFile"));
}

} // namespace
} // namespace parallm

int main(int argc, char** argv) {
  using namespace parallm;
  if (argc != 2 && !(argc == 4 && std::strcmp(argv[2], "--dtype") == 0)) {
    std::fputs("usage: bench_load MODEL [--dtype f32|f16|bf16]\n", stderr);
    return 64;
  }
  RunnerOptions options{.path = argv[1]};
  options.memory.blocks = 1; // keys and values are beside the point
  options.dtype = argc == 4 ? parse_type(argv[3]) : NumberType::kAuto;
  try {
    run(options);
  } catch (const StartError& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return error.exit_code;
  }
  return 0;
}
