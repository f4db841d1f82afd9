#include <fmt/format.h>

#include <csignal>
#include <cstdlib>
#include <ctime>

#include "base/log.h"
#include "base/version.h"
#include "cli/cli.h"
#include "cli/start.h"
#include "config/help.h"
#include "config/print_config.h"
#include "runtime/report.h"
#include "runtime/runtime.h"

namespace parallm {

namespace {

// What Kubernetes and systemd give a process by default, or less than it.
constexpr std::chrono::seconds kDrainLimit{30};
// How often a quiet main thread looks whether the engine still lives.
constexpr timespec kLookEvery{.tv_sec = 1, .tv_nsec = 0};

// Signals that ask us to end. Blocked before any thread starts, so that only
// this thread, which waits for them, ever sees one.
class EndSignals {
 public:
  EndSignals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    hold();
    std::signal(SIGPIPE, SIG_IGN); // a lost client is an error code, no end
  }

  // Blocks until one comes: its number, or 0 when the server has failed.
  int wait(const Runtime& runtime) const {
    while (runtime.healthy()) {
      const int signal = next();
      if (signal > 0) {
        return signal;
      }
    }
    return 0;
  }

  void hold() const { pthread_sigmask(SIG_BLOCK, &set_, nullptr); }
  // From here on a signal ends the process at once.
  void let_through() const { pthread_sigmask(SIG_UNBLOCK, &set_, nullptr); }

 private:
#ifdef __APPLE__
  // No sigtimedwait there.
  int next() const {
    nanosleep(&kLookEvery, nullptr);
    sigset_t pending;
    int signal = 0;
    sigpending(&pending);
    const bool some =
        sigismember(&pending, SIGTERM) || sigismember(&pending, SIGINT);
    return some && sigwait(&set_, &signal) == 0 ? signal : 0;
  }
#else
  int next() const {
    return sigtimedwait(&set_, nullptr, &kLookEvery);
  }
#endif

  sigset_t set_{};
};

int print_config(const ParsedConfig& parsed) {
  fmt::print("{}", config_toml(parsed));
  if (!parsed.config.model.path.empty()) {
    fmt::print(
        "\n{}",
        resolved_text(
            parsed.config,
            inspect_checkpoint(runner_options(parsed.config, this_machine())),
            this_machine()));
  }
  return 0;
}

void log_warnings(const ParsedConfig& parsed) {
  for (const std::string& warning : parsed.warnings) {
    log::warn("{}", warning);
  }
}

void tell_builtin_model(const ParsedConfig& parsed) {
  if (!parsed.origins.contains("model-path")) {
    log::info(
        "no --model-path: serving the built-in model, which is good for trying "
        "things out and knows very little");
  }
}

// MLX reads it once, later. On the CPU its compiler costs more than it saves
// and writes to the temporary folder.
void set_up_mlx() {
  setenv("MLX_DISABLE_COMPILE", "1", /*overwrite=*/0);
}

int serve(const ParsedConfig& parsed) {
  const EndSignals signals;
  const log::Background background(
      parsed.config.log.level, parsed.config.log.format);
  log_warnings(parsed);
  tell_builtin_model(parsed);
  set_up_mlx();
  Runtime runtime(parsed.config);
  log::info(
      "loading; {}/health/ready tells when it is done", runtime.address());
  signals.let_through(); // there is nobody yet to be answered
  runtime.wait_loaded();
  signals.hold();
  log::info("listening on {}", runtime.address());
  const int signal = signals.wait(runtime);
  signals.let_through();
  if (signal == 0) {
    log::error("the engine has given up; ending");
    runtime.stop(std::chrono::seconds(0));
    return kExitInternal;
  }
  log::info(
      "{}: running answers may finish within {} s; again ends at once",
      signal == SIGTERM ? "SIGTERM" : "SIGINT", kDrainLimit.count());
  if (!runtime.stop(kDrainLimit)) {
    log::warn("some answers were cut off");
  }
  log::info("ended");
  return 0;
}

} // namespace

int run_serve(const std::vector<std::string>& arguments) {
  const ParsedConfig parsed = parsed_config(arguments);
  switch (parsed.wish) {
    case Wish::kHelp:
      fmt::print("{}", server_help("parallm serve"));
      return 0;
    case Wish::kVersion:
      fmt::print("parallm {}\n", kVersion);
      return 0;
    case Wish::kPrintConfig:
      return print_config(parsed);
    case Wish::kServe:
      break;
  }
  return serve(parsed);
}

} // namespace parallm
