#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/given.h"

// Main thread, at the start.
namespace parallm {

inline constexpr auto kDefaultConfigFile = "parallm.toml";

// A TOML file whose keys are settings, `[[model]]` tables included. `name` is
// what messages call it. Throws StartError: 64 for what it says, 66 if it is
// not there, 77 if it may not be read, 78 for several models.
std::vector<Given> read_config_file(
    const std::filesystem::path& path, const std::string& name);

} // namespace parallm
