#pragma once

#include <string>
#include <vector>

#include "config/given.h"

// Main thread, at the start.
namespace parallm {

// What to do with the settings.
enum class Wish : uint8_t { kServe, kPrintConfig, kHelp, kVersion };

struct Flags {
  Wish wish = Wish::kServe;
  std::string config_file{}; // "": not said
  std::vector<Given> given{};
};

// The command line, without the program's name. Throws StartError (64).
Flags read_flags(const std::vector<std::string>& arguments);

} // namespace parallm
