#include "base/thread.h"

#include <pthread.h>

#include <csignal>

namespace parallm {

namespace {

void name_this_thread(const std::string& name) {
  const std::string cut = name.substr(0, 15);
#ifdef __APPLE__
  pthread_setname_np(cut.c_str());
#else
  pthread_setname_np(pthread_self(), cut.c_str());
#endif
}

void block_all_signals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

} // namespace

std::jthread start_thread(const std::string& name, std::function<void()> run) {
  return std::jthread([name, run = std::move(run)] {
    name_this_thread(name);
    block_all_signals();
    run();
  });
}

} // namespace parallm
