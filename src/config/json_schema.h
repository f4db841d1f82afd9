#pragma once

#include <string>

// Main thread, at the start.
namespace parallm {

// JSON Schema (2020-12) of the configuration file: every key that it may
// hold, for editors and checkers.
std::string config_json_schema();

} // namespace parallm
