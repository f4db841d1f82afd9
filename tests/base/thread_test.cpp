#include "base/thread.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <csignal>
#include <type_traits>

namespace parallm {
namespace {

sigset_t mask_of_this_thread() {
  sigset_t mask;
  pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  return mask;
}

sigset_t mask_of_a_started_thread() {
  sigset_t mask;
  start_thread("signals", [&] { mask = mask_of_this_thread(); }).join();
  return mask;
}

TEST(StartThread, LeavesToMainWhatIsSentToTheProcess) {
  const sigset_t mask = mask_of_a_started_thread();
  for (const int signal :
       {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM,
        SIGCHLD}) {
    EXPECT_EQ(sigismember(&mask, signal), 1) << signal;
  }
}

TEST(StartThread, LetsFaultsThrough) {
  const sigset_t mask = mask_of_a_started_thread();
  for (const int signal :
       {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) {
    EXPECT_EQ(sigismember(&mask, signal), 0) << signal;
  }
}

TEST(StartThread, LeavesTheCallersSignalsAsTheyWere) {
  const sigset_t before = mask_of_this_thread();
  start_thread("signals", [] {}).join();
  const sigset_t after = mask_of_this_thread();
  for (const int signal : {SIGTERM, SIGINT, SIGCHLD, SIGSEGV}) {
    EXPECT_EQ(sigismember(&after, signal), sigismember(&before, signal))
        << signal;
  }
}

TEST(StartThread, GivesTheThreadItsNameCutToFifteenBytes) {
  char name[32] = "";
  start_thread("sixteen-letters-", [&] {
    pthread_getname_np(pthread_self(), name, sizeof(name));
  }).join();
  EXPECT_STREQ(name, "sixteen-letters");
}

static_assert(!std::is_copy_constructible_v<Thread>);
static_assert(!std::is_copy_assignable_v<Thread>);
static_assert(std::is_nothrow_move_constructible_v<Thread>);
static_assert(std::is_nothrow_move_assignable_v<Thread>);

TEST(Thread, IsJoinedWhenItDies) {
  bool ran = false;
  {
    Thread thread([&] { ran = true; });
    EXPECT_TRUE(thread.joinable());
    EXPECT_NE(thread.get_id(), std::this_thread::get_id());
  }
  EXPECT_TRUE(ran);
}

TEST(Thread, IsJoinedWhenAnotherTakesItsPlace) {
  bool first_ran = false;
  bool second_ran = false;
  Thread thread([&] { first_ran = true; });
  thread = Thread([&] { second_ran = true; });
  EXPECT_TRUE(first_ran);
  thread.join();
  EXPECT_TRUE(second_ran);
  EXPECT_FALSE(thread.joinable());
}

TEST(Thread, MovesAndIsEmptyAtFirstAndAfterAMove) {
  Thread first;
  EXPECT_FALSE(first.joinable());
  EXPECT_EQ(first.get_id(), std::thread::id());
  first = Thread([] {});
  Thread second = std::move(first);
  EXPECT_FALSE(first.joinable());
  EXPECT_TRUE(second.joinable());
}

} // namespace
} // namespace parallm
