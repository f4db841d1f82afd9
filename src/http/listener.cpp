#include "http/listener.h"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/check.h"
#include "base/log.h"

namespace parallm::http {

namespace asio = boost::asio;
using Error = boost::system::error_code;

namespace {

constexpr std::string_view kUnixPrefix = "unix:";

// Beyond max_connections, this many at a time are told so; more are closed.
constexpr int kTurnedAwayAtOnce = 128;

// Between two turns of the accept loop when file descriptors have run out.
constexpr std::chrono::milliseconds kPause{100};

[[noreturn]] void throw_start_error(
    const std::string& address, const Error& error) {
  const bool forbidden = error == asio::error::access_denied ||
                         error == boost::system::errc::operation_not_permitted;
  throw StartError(
      forbidden ? kExitNoPermission : kExitUnavailable,
      fmt::format("cannot listen on {}: {}", address, error.message()));
}

// A socket file that nobody listens on is left over from a process that died.
void remove_stale(const asio::local::stream_protocol::endpoint& endpoint) {
  asio::io_context context;
  asio::local::stream_protocol::socket probe(context);
  Error error;
  probe.connect(endpoint, error);
  if (error == asio::error::connection_refused) {
    ::unlink(endpoint.path().c_str());
  }
}

} // namespace

Listener::Listener(
    const ServerOptions& options,
    std::vector<std::unique_ptr<Shard>>& shards,
    Census& census)
    : shards_(shards),
      census_(census),
      max_connections_(options.max_connections),
      acceptor_(shards.front()->context()),
      pause_(shards.front()->context()) {
  if (options.host.starts_with(kUnixPrefix)) {
    bind_unix(options.host.substr(kUnixPrefix.size()));
  } else {
    bind_tcp(options.host, options.port);
  }
}

Listener::~Listener() {
  close();
}

void Listener::bind_unix(const std::string& path) {
  asio::local::stream_protocol::endpoint endpoint;
  try {
    endpoint = asio::local::stream_protocol::endpoint(path);
  } catch (const boost::system::system_error& error) {
    throw_start_error(path, error.code());
  }
  remove_stale(endpoint);
  try {
    listen_on(endpoint);
  } catch (const boost::system::system_error& error) {
    throw_start_error(path, error.code());
  }
  unix_path_ = path;
}

void Listener::bind_tcp(const std::string& host, int port) {
  const std::string address = fmt::format("{}:{}", host, port);
  Error error;
  asio::ip::tcp::resolver resolver(acceptor_.get_executor());
  const auto found = resolver.resolve(
      host, std::to_string(port), asio::ip::tcp::resolver::passive, error);
  if (error || found.empty()) {
    throw_start_error(address, error);
  }
  try {
    listen_on(found.begin()->endpoint());
  } catch (const boost::system::system_error& failed) {
    throw_start_error(address, failed.code());
  }
  asio::ip::tcp::endpoint bound;
  const auto local = acceptor_.local_endpoint();
  bound.resize(local.size());
  std::copy_n(
      reinterpret_cast<const char*>(local.data()), local.size(),
      reinterpret_cast<char*>(bound.data()));
  port_ = bound.port();
}

void Listener::listen_on(const Protocol::endpoint& endpoint) {
  acceptor_.open(endpoint.protocol());
  if (endpoint.protocol().family() != AF_UNIX) {
    acceptor_.set_option(asio::socket_base::reuse_address(true));
  }
  acceptor_.bind(endpoint);
  acceptor_.listen();
  acceptor_.non_blocking(true);
}

void Listener::start() {
  asio::co_spawn(acceptor_.get_executor(), accept_all(), asio::detached);
}

void Listener::close() {
  Error ignored;
  acceptor_.close(ignored);
  pause_.cancel();
  if (!unix_path_.empty()) {
    ::unlink(unix_path_.c_str());
    unix_path_.clear();
  }
}

Task<> Listener::accept_all() {
  while (acceptor_.is_open()) {
    Error error;
    auto token = asio::redirect_error(asio::use_awaitable, error);
    co_await acceptor_.async_wait(asio::socket_base::wait_read, token);
    if (!error && !accept_ready()) {
      pause_.expires_after(kPause);
      co_await pause_.async_wait(token);
    }
  }
}

// False: the system refuses; try again later.
bool Listener::accept_ready() {
  Error error;
  while (acceptor_.is_open() && accept_one(error)) {
  }
  if (!error || error == asio::error::would_block ||
      error == asio::error::connection_aborted) {
    return true;
  }
  log::warn("cannot accept a connection: {}", error.message());
  return false;
}

bool Listener::accept_one(Error& error) {
  const int total = census_.total();
  const int index = census_.enter_least();
  Shard& shard = *shards_[static_cast<size_t>(index)];
  asio::any_io_executor executor = shard.context().get_executor();
  Socket socket = acceptor_.accept(executor, error);
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
