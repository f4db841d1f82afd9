#pragma once

#include <spdlog/spdlog.h>

// The one place that knows the logging library. Any thread. Logs go to
// standard error; a message is one line, control characters are escaped. No
// secret is ever logged, and a prompt only if --log-requests full asks for it.
namespace parallm::log {

using spdlog::debug;
using spdlog::error;
using spdlog::info;
using spdlog::warn;

enum class Format : uint8_t { kText, kJson };

// Called once, at the top of main. `level`: trace, debug, info, warn, error.
void set_up(const std::string& level, Format format);

} // namespace parallm::log
