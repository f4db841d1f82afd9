#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <string>
#include <vector>

#include "http/server_options.h"

// Main thread, at the start.
namespace parallm::http {

using Acceptor =
    boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol>;

// Sockets that listen. Made on main; whoever accepts from them owns them.
struct Listening {
  std::vector<Acceptor> acceptors{}; // at least one, all at the same port
  int port = 0;                      // 0 for a Unix socket
  std::string unix_path{};           // a file to be removed in the end; or ""
};

// All of this blocks, and throws StartError: kExitUnavailable if an address is
// taken or unknown, kExitNoPermission if it is forbidden.

// At options.host: a Unix socket, or every address that the name stands for.
Listening start_listening(
    boost::asio::io_context& context, const ServerOptions& options);

// The addresses of a name, or the one that `host` is; IPv6 with or without
// brackets.
std::vector<boost::asio::ip::tcp::endpoint> resolve_host(
    boost::asio::io_context& context, const std::string& host, int port);

// At all of these, which have one port; if that is 0, the first one picks it.
// Those that this machine does not have are left out, unless none remains.
Listening listen_at(
    boost::asio::io_context& context,
    const std::vector<boost::asio::ip::tcp::endpoint>& endpoints);

} // namespace parallm::http
