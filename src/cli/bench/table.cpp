#include "cli/bench/table.h"

#include <fmt/format.h>

namespace parallm::bench {

namespace {

constexpr auto kRow = "{:>7} {:>9} {:>9} {:>9} {:>19} {:>19} {:>7}\n";

std::string cell(const std::optional<double>& value) {
  return value ? fmt::format("{:.1f}", *value) : "-";
}

std::string cell(const std::optional<Spread>& value) {
  return value ? fmt::format("{:.1f} / {:.1f}", value->p50, value->p99) : "-";
}

} // namespace

std::string table_of(const std::vector<LoadPoint>& points) {
  std::string out = fmt::format(
      kRow, "", "output", "decode", "prefill", "first token, ms",
      "inter-token, ms", "");
  out += fmt::format(
      kRow, "streams", "tok/s", "tok/s", "tok/s", "p50 / p99", "p50 / p99",
      "errors");
  for (const LoadPoint& point : points) {
    out += fmt::format(
        kRow, point.concurrency, cell(point.output_tok_s),
        cell(point.decode_tok_s), cell(point.prefill_tok_s),
        cell(point.ttft_ms), cell(point.itl_ms), point.errors);
  }
  return out;
}

} // namespace parallm::bench
