#pragma once

#include <fmt/format.h>

#include <stdexcept>

// Plain values and functions without state: any thread.
namespace parallm {

// Our own mistake, never the user's: a broken invariant. Caught around one
// engine step or one HTTP handler, so that one request pays for it.
class CheckFailed : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

// What is wrong with a file, a flag or the machine, said in one line. The
// command line prints it and exits with `exit_code` (docs: api, section 15).
class StartError : public std::runtime_error {
 public:
  StartError(int exit_code, const std::string& message)
      : std::runtime_error(message), exit_code(exit_code) {}
  int exit_code;
};

inline constexpr int kExitUsage = 64;
inline constexpr int kExitBadData = 65;
inline constexpr int kExitNotFound = 66;
inline constexpr int kExitUnavailable = 69;
inline constexpr int kExitInternal = 70;
inline constexpr int kExitNoMemory = 71;
inline constexpr int kExitNoPermission = 77;
inline constexpr int kExitConfig = 78;

} // namespace parallm

// CHECK(blocks >= 0, "free blocks {}", blocks)
#define PARALLM_CHECK(condition, ...)                              \
  do {                                                             \
    if (!(condition)) [[unlikely]] {                               \
      throw ::parallm::CheckFailed(fmt::format(                    \
          "[{}:{}] {} failed: {}", __FILE__, __LINE__, #condition, \
          fmt::format(__VA_ARGS__)));                              \
    }                                                              \
  } while (false)
