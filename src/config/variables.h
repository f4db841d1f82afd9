#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/given.h"

// Main thread, at the start.
namespace parallm {

using Environment = std::map<std::string, std::string>;

// Of this process.
Environment process_environment();

struct Variables {
  std::string config_file{}; // PARALLM_CONFIG; "": not said
  std::vector<Given> given{};
};

// All that begin with PARALLM_. Throws StartError (64) for one that is not a
// setting's.
Variables read_variables(const Environment& environment);

} // namespace parallm
