#pragma once

#include <string>
#include <vector>

#include "cli/builtin_model.h"
#include "config/parse.h"

// Main thread, at the start.
namespace parallm {

// Flags, environment and file of this process. Throws StartError.
inline ParsedConfig parsed_config(std::vector<std::string> arguments) {
  auto parsed = parse_server_config(
      {.arguments = std::move(arguments),
       .environment = process_environment(),
       .builtin_model = builtin_model()});
  if (!parsed) {
    throw parsed.error();
  }
  return std::move(parsed).value();
}

} // namespace parallm
