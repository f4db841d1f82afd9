#pragma once

#include <string>
#include <string_view>
#include <vector>

// Plain values and functions without state: any thread.
namespace parallm {

// For people: "vocabulary" and "4096". A line with the name of the one before
// goes on with it.
struct ReportLine {
  std::string name{};
  std::string text{};
};

// One below the other, each behind the margin; a name is written once.
std::string aligned(
    const std::vector<ReportLine>& lines, std::string_view margin = "");

} // namespace parallm
