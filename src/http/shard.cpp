#include "http/shard.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include "base/log.h"

namespace parallm::http {

namespace asio = boost::asio;

Shard::Shard(int index, const Site& site, Census& census, BodyBudget& bodies)
    : home_{.shard = index, .site = site, .bodies = bodies},
      census_(census),
      work_(asio::make_work_guard(context_)) {
}

Shard::~Shard() {
  stop();
  join();
}

void Shard::start(asio::ssl::context* tls) {
  tls_ = tls;
  thread_ =
      start_thread("shard-" + std::to_string(home_.shard), [this] { run(); });
}

// What is posted must not throw; if it does, the others go on.
void Shard::run() {
  bool done = false;
  while (!done) {
    try {
      context_.run();
      done = true;
    } catch (const std::exception& error) {
      log::error("shard {}: {}", home_.shard, typeid(error).name());
    }
  }
}

void Shard::post(std::function<void()> work) {
  asio::post(context_, std::move(work));
}

void Shard::adopt(Socket socket, Entry entry) {
  asio::post(context_, [this, socket = std::move(socket), entry]() mutable {
    welcome(std::move(socket), entry);
  });
}

void Shard::welcome(Socket socket, Entry entry) {
  if (stopping_ || home_.draining) {
    return census_.leave(home_.shard);
  }
  auto connection =
      std::make_shared<Connection>(home_, std::move(socket), tls_, entry);
  connections_.insert(connection);
  asio::co_spawn(
      context_, Connection::live(connection),
      [this, connection](std::exception_ptr) {
        connections_.erase(connection);
        census_.leave(home_.shard);
      });
}

void Shard::drain() {
  asio::post(context_, [this] {
    home_.draining = true;
    for (const auto& connection : connections_) {
      connection->close_if_idle();
    }
  });
}

void Shard::stop() {
  asio::post(context_, [this] {
    stopping_ = true;
    home_.draining = true;
    for (const auto& connection : connections_) {
      connection->lose();
    }
    work_.reset();
  });
}

void Shard::join() {
  if (thread_.joinable()) {
    thread_.join();
  }
}

} // namespace parallm::http
