#include "base/bus_error.h"

#include <unistd.h>

#include <csignal>
#include <string_view>

namespace parallm {
namespace {

constexpr std::string_view kExplanation =
    "parallm: memory of a file could not be read (SIGBUS): a model file in use "
    "was shortened, or its disk fails. Replace such files by others under "
    "their names; never write into them.\n";

// Only what a signal handler may do. Touched again, now without a handler, the
// memory ends the process.
void explain(int) {
  [[maybe_unused]] const auto written =
      ::write(STDERR_FILENO, kExplanation.data(), kExplanation.size());
}

} // namespace

void explain_bus_errors() {
  struct sigaction action {};
  action.sa_handler = explain;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGBUS, &action, nullptr);
}

} // namespace parallm
