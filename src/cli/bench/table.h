#pragma once

#include <string>
#include <vector>

#include "cli/bench/load_point.h"

namespace parallm::bench {

// A line for each point, below two of headings. Any thread.
std::string table_of(const std::vector<LoadPoint>& points);

} // namespace parallm::bench
