#include <fmt/format.h>
#include <fmt/ranges.h>

#include <fstream>

#include "base/check.h"
#include "base/report.h"
#include "cli/cli.h"
#include "cli/doctor/kernel_report.h"
#include "kernels/instruction_set.h"
#include "kernels/kernel_pool.h"
#include "kernels/mlx_facts.h"
#include "kernels/roofline.h"
#include "kernels/usable_cores.h"
#include "runner/machine_memory.h"

namespace parallm {

namespace {

constexpr auto kHelp =
    "Usage: parallm doctor\n\n"
    "What this machine is and can do for CPU kernels, and whether they compute "
    "here\n"
    "what they should. Takes a few seconds and, for a moment, all cores. Ends "
    "with 70\n"
    "if a kernel is wrong.\n";

using Lines = std::vector<ReportLine>;

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != line.npos) {
      return line.substr(colon + 2);
    }
  }
  return "unknown";
}

std::string instruction_text() {
  std::vector<std::string> names;
  for (const InstructionSet set : host_instruction_sets()) {
    names.emplace_back(name_of(set));
  }
  return fmt::format(
      "{}; in use: {}", fmt::join(names, ", "), name_of(instruction_set()));
}

std::string memory_text() {
  constexpr double kGiB = 1 << 30;
  const MachineMemory memory = machine_memory();
  return fmt::format(
      "{:.1f} GiB, {:.1f} GiB of it available",
      static_cast<double>(memory.total) / kGiB,
      static_cast<double>(memory.available) / kGiB);
}

Lines machine_report() {
  return {
      {"cpu", cpu_name()},
      {"cores", fmt::format("{} usable", usable_cores())},
      {"instruction sets", instruction_text()},
      {"kernel threads", fmt::format("{}", kernel_pool().threads())},
      {"memory", memory_text()},
      {"mlx",
       fmt::format(
           "{}, devices: {}", mlx_version(), fmt::join(mlx_devices(), ", "))}};
}

// Llama 3.2 1B in 4 bits, groups of 64 with a scale and a bias in 16 bits:
// 1.236e9 parameters of 4.5 bits, all of which each token reads.
constexpr double kOneBillionBytes = 1.236e9 * 4.5 / 8;

Lines speed_report(const Roofline& roof) {
  const auto rate = [](double value, const char* unit) {
    return value > 0 ? fmt::format("{:.1f} {}", value, unit)
                     : std::string("no such instructions");
  };
  return {
      {"memory read", rate(roof.read_gb_s, "GB/s")},
      {"memory copied",
       rate(roof.copy_gb_s, "GB/s, read and written together")},
      {"float32", rate(roof.f32_gflop_s, "GFLOP/s")},
      {"int8 products", rate(roof.int8_gop_s, "GOP/s")},
      {"bfloat16 products", rate(roof.bf16_gflop_s, "GFLOP/s")},
      {"decoding, at most",
       fmt::format(
           "{:.0f} tokens/s of one sequence, for a model of 1.2 billion "
           "parameters in 4 bits",
           roof.read_gb_s * 1e9 / kOneBillionBytes)}};
}

int examine() {
  fmt::print("{}\n", aligned(machine_report()));
  const auto results = run_self_tests();
  fmt::print("{}\n", aligned(kernel_report(results, instruction_set())));
  fmt::print("{}", aligned(speed_report(measure_roofline(kernel_pool()))));
  return exit_code_of(results);
}

} // namespace

int run_doctor(const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    return examine();
  }
  if (arguments[0] == "--help" || arguments[0] == "-h") {
    fmt::print("{}", kHelp);
    return 0;
  }
  throw StartError(
      kExitUsage, fmt::format("doctor takes no `{}`", arguments[0]));
}

} // namespace parallm
