#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>

namespace parallm::log {

namespace {

// %v is not escaped by spdlog; our messages hold no raw control characters
// because text of clients is never logged.
constexpr auto kTextPattern = "%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v";
constexpr auto kJsonPattern =
    R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":"%v"})";

} // namespace

void set_up(const std::string& level, Format format) {
  auto logger = spdlog::stderr_color_mt("parallm");
  logger->set_level(spdlog::level::from_str(level));
  logger->set_pattern(format == Format::kJson ? kJsonPattern : kTextPattern);
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

} // namespace parallm::log
