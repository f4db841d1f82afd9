#include "base/thread.h"

#include <pthread.h>

#include <csignal>

namespace parallm {

namespace {

// A fault belongs to the thread that made it. Raised while blocked it is
// undefined by POSIX: handlers of sanitizers and crash reporters do not run.
constexpr int kFaults[] = {SIGSEGV, SIGBUS,  SIGFPE, SIGILL,
                           SIGABRT, SIGTRAP, SIGSYS};

void name_this_thread(const std::string& name) {
  const std::string cut = name.substr(0, 15);
#ifdef __APPLE__
  pthread_setname_np(cut.c_str());
#else
  pthread_setname_np(pthread_self(), cut.c_str());
#endif
}

// While it lives, this thread and those that it starts get faults only.
// Blocking in the new thread would leave it a moment to catch a signal.
class OnlyFaults {
 public:
  OnlyFaults() {
    sigset_t others;
    sigfillset(&others);
    for (const int fault : kFaults) {
      sigdelset(&others, fault);
    }
    pthread_sigmask(SIG_SETMASK, &others, &before_);
  }
  ~OnlyFaults() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  OnlyFaults(const OnlyFaults&) = delete;
  OnlyFaults& operator=(const OnlyFaults&) = delete;

 private:
  sigset_t before_{};
};

} // namespace

Thread start_thread(const std::string& name, std::function<void()> run) {
  const OnlyFaults inherited;
  return Thread([name, run = std::move(run)] {
    name_this_thread(name);
    run();
  });
}

} // namespace parallm
