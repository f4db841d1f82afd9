#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <unordered_set>

#include "base/thread.h"
#include "http/census.h"
#include "http/connection.h"

namespace parallm::http {

// One io thread and the connections that live on it. Built and ended by the
// server; everything marked "posts" may be called on any thread.
class Shard {
 public:
  Shard(int index, const Site& site, Census& census, BodyBudget& bodies);
  ~Shard();

  boost::asio::io_context& context() { return context_; }
  void start(boost::asio::ssl::context* tls); // may be null
  // Posts. The connection has been entered in the census.
  void adopt(Socket socket, Entry entry);
  void post(std::function<void()> work); // posts
  // Posts: idle connections close, the others after their present request.
  void drain();
  // Posts: all connections close; the thread ends when their handlers have
  // returned.
  void stop();
  void join();

 private:
  void run();
  void welcome(Socket socket, Entry entry);

  Home home_;
  Census& census_;
  boost::asio::ssl::context* tls_ = nullptr;
  boost::asio::io_context context_{1}; // one thread runs it
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type>
      work_;
  std::unordered_set<std::shared_ptr<Connection>> connections_{};
  bool stopping_ = false;
  Thread thread_{};
};

} // namespace parallm::http
