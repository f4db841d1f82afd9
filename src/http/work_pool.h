#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "http/task.h"

namespace parallm::http {

// Threads for what must not block a shard: tokenizing, templates. A coroutine
// awaits its job and goes on on its own shard. The queue has no bound
// of its own: it holds at most one job for each connection. Start it before the
// server and stop it after, so that no job outlives the shard that waits for
// it.
class WorkPool {
 public:
  explicit WorkPool(int threads);
  ~WorkPool(); // stops

  // Runs `job()` on a thread of the pool; what it returns or throws comes back
  // to the caller. Throws CheckFailed once the pool has stopped.
  //   auto job = [text = std::move(text)] { return encode(text); };
  //   auto tokens = co_await pool.run(job);
  // A job with a name, because g++ 12 destroys temporaries within co_await
  // twice (GCC bug 104031).
  template <class F>
  Task<std::invoke_result_t<F>> run(F&& job) {
    static_assert(
        std::is_lvalue_reference_v<F> || std::is_trivially_copyable_v<F>,
        "give the job a name first");
    return run_call<F>(std::forward<F>(job));
  }

  // Any thread but its own. Jobs already there are still done; then the
  // threads end.
  void stop();

 private:
  struct Job {
    virtual ~Job() = default;
    virtual void run() noexcept = 0;
  };

  template <class F>
  struct Call final : Job {
    using Value = std::invoke_result_t<F>;
    using Kept =
        std::conditional_t<std::is_void_v<Value>, std::monostate, Value>;

    explicit Call(F&& f) : function(std::forward<F>(f)) {}

    void run() noexcept override {
      try {
        if constexpr (std::is_void_v<Value>) {
          function();
        } else {
          value.emplace(function());
        }
      } catch (...) {
        error = std::current_exception();
      }
    }

    Value take() {
      if (error) {
        std::rethrow_exception(error);
      }
      if constexpr (!std::is_void_v<Value>) {
        return std::move(*value);
      }
    }

    F function;
    std::optional<Kept> value{};
    std::exception_ptr error{};
  };

  // `F` is a reference for a job with a name.
  template <class F>
  Task<std::invoke_result_t<F>> run_call(F job) {
    Call<F> call(std::forward<F>(job));
    co_await perform(call);
    co_return call.take();
  }

  struct State;

  // Returns on the caller's shard when the job has run.
  Task<> perform(Job& job);

  std::unique_ptr<State> state_;
};

} // namespace parallm::http
