#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// What a fuzz target gives. The first is required; the others have an empty
// default in driver.cpp. A target aborts, or throws, when it finds a bug.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count);

namespace parallm::fuzz {

// Inputs to start from, besides the files of the command line.
std::vector<std::string> seeds();
// Words of the format, to be written into inputs.
std::vector<std::string> tokens();

} // namespace parallm::fuzz
