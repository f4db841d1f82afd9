#pragma once

#include <string>
#include <vector>

#include "cli/bench/load_point.h"

namespace parallm::bench {

// Throughput, and beside it the waits, over concurrency: a whole SVG file.
// points: at least one, by ascending concurrency. Any thread.
std::string plot_of(
    const std::vector<LoadPoint>& points, const std::string& title);

} // namespace parallm::bench
