#pragma once

#include <string>

#include "config/parse.h"

// Main thread, at the start.
namespace parallm {

// The settings in force as TOML, each with a comment that says who set it.
// As a configuration file it gives the same settings again.
std::string config_toml(const ParsedConfig& parsed);

} // namespace parallm
