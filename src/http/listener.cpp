#include "http/listener.h"

#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"

namespace parallm::http {

namespace asio = boost::asio;
using Error = boost::system::error_code;

namespace {

// Beyond max_connections, this many at a time are told so; more are closed.
constexpr int kTurnedAwayAtOnce = 128;

// Between two turns of the accept loop when file descriptors have run out.
constexpr std::chrono::milliseconds kPause{100};

} // namespace

Listener::Listener(
    Listening listening,
    std::vector<std::unique_ptr<Shard>>& shards,
    Census& census,
    int max_connections)
    : shards_(shards),
      census_(census),
      max_connections_(max_connections),
      unix_path_(std::move(listening.unix_path)) {
  for (Acceptor& acceptor : listening.acceptors) {
    doors_.emplace_back(std::move(acceptor));
  }
}

Listener::~Listener() {
  close();
}

void Listener::start() {
  for (Door& door : doors_) {
    asio::co_spawn(
        door.acceptor.get_executor(), accept_all(&door), asio::detached);
  }
}

void Listener::close() {
  for (Door& door : doors_) {
    Error ignored;
    door.acceptor.close(ignored);
    door.pause.cancel();
  }
  if (!unix_path_.empty()) {
    ::unlink(unix_path_.c_str());
    unix_path_.clear();
  }
}

Task<> Listener::accept_all(Door* door) {
  while (door->acceptor.is_open()) {
    Error error;
    auto token = asio::redirect_error(asio::use_awaitable, error);
    co_await door->acceptor.async_wait(asio::socket_base::wait_read, token);
    if (!error && !accept_ready(door->acceptor)) {
      door->pause.expires_after(kPause);
      co_await door->pause.async_wait(token);
    }
  }
}

// False: the system refuses; try again later.
bool Listener::accept_ready(Acceptor& acceptor) {
  Error error;
  while (acceptor.is_open() && accept_one(acceptor, error)) {
  }
  if (!error || error == asio::error::would_block ||
      error == asio::error::connection_aborted) {
    return true;
  }
  log::warn("cannot accept a connection: {}", error.message());
  return false;
}

bool Listener::accept_one(Acceptor& acceptor, Error& error) {
  const int total = census_.total();
  const int index = census_.enter_least();
  Shard& shard = *shards_[static_cast<size_t>(index)];
  asio::any_io_executor executor = shard.context().get_executor();
  Socket socket = acceptor.accept(executor, error);
  if (error || total >= max_connections_ + kTurnedAwayAtOnce) {
    census_.leave(index);
    return !error;
  }
  shard.adopt(
      std::move(socket),
      total >= max_connections_ ? Entry::kTurnAway : Entry::kServe);
  return true;
}

} // namespace parallm::http
