// What this machine can do at most, with one thread and with all:
//   bench_roofline [--json FILE] [--threads N]
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <vector>

#include "kernels/instruction_set.h"
#include "kernels/roofline.h"
#include "kernels/usable_cores.h"

namespace parallm {
namespace {

struct Row {
  const char* what;
  const char* key;
  double Roofline::*rate;
};

constexpr Row kRows[] = {
    {"memory, read, GB/s", "read_gb_s", &Roofline::read_gb_s},
    {"memory, copied (read + written), GB/s", "copy_gb_s",
     &Roofline::copy_gb_s},
    {"float32, GFLOP/s", "f32_gflop_s", &Roofline::f32_gflop_s},
    {"int8 dot products, GOP/s", "int8_gop_s", &Roofline::int8_gop_s},
    {"bf16 dot products, GFLOP/s", "bf16_gflop_s", &Roofline::bf16_gflop_s}};

void print_table(const std::vector<Roofline>& measured) {
  fmt::print("| {} ", name_of(instruction_set()));
  for (const Roofline& one : measured) {
    fmt::print("| {} thread{} ", one.threads, one.threads == 1 ? "" : "s");
  }
  fmt::print("|\n|---|");
  for (size_t i = 0; i < measured.size(); ++i) {
    fmt::print("---|");
  }
  for (const Row& row : kRows) {
    fmt::print("\n| {} ", row.what);
    for (const Roofline& one : measured) {
      fmt::print("| {:.1f} ", one.*row.rate);
    }
    fmt::print("|");
  }
  fmt::print("\n");
}

// One object a line.
void write_json(
    const std::string& file, const std::vector<Roofline>& measured) {
  std::ofstream out(file);
  for (const Roofline& one : measured) {
    out << fmt::format(
        R"({{"instruction_set":"{}","threads":{})", name_of(instruction_set()),
        one.threads);
    for (const Row& row : kRows) {
      out << fmt::format(R"(,"{}":{:.2f})", row.key, one.*row.rate);
    }
    out << "}\n";
  }
}

std::vector<Roofline> measure(int most) {
  std::vector<Roofline> measured;
  for (int threads : most == 1 ? std::vector{1} : std::vector{1, most}) {
    KernelPool pool(threads);
    measured.push_back(measure_roofline(pool));
  }
  return measured;
}

} // namespace
} // namespace parallm

int main(int argc, char** argv) {
  using namespace parallm;
  std::string json;
  int threads = usable_cores();
  CLI::App app{"What this machine can do at most"};
  app.add_option("--json", json, "file for the same, one object a line");
  app.add_option("--threads", threads)->check(CLI::Range(1, 1024));
  CLI11_PARSE(app, argc, argv);
  const auto measured = measure(threads);
  print_table(measured);
  if (!json.empty()) {
    write_json(json, measured);
  }
  return 0;
}
