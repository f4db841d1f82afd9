#pragma once

#include <string>
#include <vector>

#include "cli/bench/load_point.h"
#include "cli/bench/options.h"

namespace parallm::bench {

// What was asked and what came of it, one JSON object in a line. Any thread.
std::string json_of(
    const Options& options, const std::vector<LoadPoint>& points);

} // namespace parallm::bench
