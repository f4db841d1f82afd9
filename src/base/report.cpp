#include "base/report.h"

#include <fmt/format.h>

namespace parallm {

std::string aligned(
    const std::vector<ReportLine>& lines, std::string_view margin) {
  std::string text;
  std::string_view before;
  for (const auto& line : lines) {
    text += fmt::format(
        "{}{:<17}  {}\n", margin, line.name == before ? "" : line.name,
        line.text);
    before = line.name;
  }
  return text;
}

} // namespace parallm
