#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>

// The one place that knows the logging library, and only in log.cpp: its
// headers would cost every file that logs many seconds. Any thread. Logs go to
// standard error; a message is one line, control characters are escaped. No
// secret is ever logged, and a prompt only if --log-requests full asks for it.
namespace parallm::log {

enum class Format : uint8_t { kText, kJson };
enum class Level : uint8_t { kTrace, kDebug, kInfo, kWarn, kError };

// As info and text until it is called.
void set_up(Level level, Format format);

// While one lives, a thread of its own writes what is logged, so that a reader
// who stands still holds up nobody: the oldest messages are dropped beyond
// some thousands. The last are written when it dies. For main.
class Background {
 public:
  Background(Level level, Format format);
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;
};

// A test that means to fail steps keeps them out of its output.
void silence();
void speak();

bool writes(Level level);
void write(Level level, std::string_view message);

template <class... Args>
void message(Level level, fmt::format_string<Args...> form, Args&&... args) {
  if (writes(level)) {
    write(level, fmt::format(form, std::forward<Args>(args)...));
  }
}

template <class... Args>
void debug(fmt::format_string<Args...> form, Args&&... args) {
  message(Level::kDebug, form, std::forward<Args>(args)...);
}
template <class... Args>
void info(fmt::format_string<Args...> form, Args&&... args) {
  message(Level::kInfo, form, std::forward<Args>(args)...);
}
template <class... Args>
void warn(fmt::format_string<Args...> form, Args&&... args) {
  message(Level::kWarn, form, std::forward<Args>(args)...);
}
template <class... Args>
void error(fmt::format_string<Args...> form, Args&&... args) {
  message(Level::kError, form, std::forward<Args>(args)...);
}

} // namespace parallm::log
