#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <vector>

#include "http/census.h"
#include "http/shard.h"

namespace parallm::http {

// The one listening socket. Built on main; then on the thread of shard 0.
class Listener {
 public:
  // Binds and listens. Throws StartError: kExitUnavailable if the address is
  // taken or unknown, kExitNoPermission if it is forbidden.
  Listener(
      const ServerOptions& options,
      std::vector<std::unique_ptr<Shard>>& shards,
      Census& census);
  ~Listener();

  int port() const { return port_; } // 0 for a Unix socket
  void start();
  void close();

 private:
  using Protocol = boost::asio::generic::stream_protocol;

  void bind_unix(const std::string& path);
  void bind_tcp(const std::string& host, int port);
  void listen_on(const Protocol::endpoint& endpoint);
  Task<> accept_all();
  bool accept_ready();
  bool accept_one(boost::system::error_code& error);

  std::vector<std::unique_ptr<Shard>>& shards_;
  Census& census_;
  const int max_connections_;
  boost::asio::basic_socket_acceptor<Protocol> acceptor_;
  boost::asio::steady_timer pause_;
  int port_ = 0;
  std::string unix_path_{}; // to be removed
};

} // namespace parallm::http
