#include "http/listening.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <sstream>

#include "base/check.h"

namespace parallm::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using Error = boost::system::error_code;

namespace {

constexpr std::string_view kUnixPrefix = "unix:";

// A port that is free at the first address may be taken at the second; that it
// is so for as many in a row is no accident.
constexpr int kPortTries = 16;

[[noreturn]] void throw_start_error(
    const std::string& address, const Error& error, const char* advice = "") {
  const bool forbidden = error == asio::error::access_denied ||
                         error == boost::system::errc::operation_not_permitted;
  throw StartError(
      forbidden ? kExitNoPermission : kExitUnavailable,
      fmt::format(
          "cannot listen on {}: {}{}", address, error.message(), advice));
}

bool is_socket_file(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode);
}

// A socket file that nobody listens on is left over from a process that died.
// Any other file is not ours to remove.
void remove_stale(const asio::local::stream_protocol::endpoint& endpoint) {
  if (!is_socket_file(endpoint.path())) {
    return;
  }
  asio::io_context context;
  asio::local::stream_protocol::socket probe(context);
  Error error;
  probe.connect(endpoint, error);
  if (error == asio::error::connection_refused) {
    ::unlink(endpoint.path().c_str());
  }
}

using Endpoint = Acceptor::endpoint_type;

Acceptor open(asio::io_context& context, const Endpoint& endpoint) {
  return Acceptor(context, endpoint.protocol());
}

void bind_and_listen(Acceptor& acceptor, const Endpoint& endpoint) {
  acceptor.bind(endpoint);
  acceptor.listen();
  acceptor.non_blocking(true);
}

Listening listen_at_file(asio::io_context& context, const std::string& path) {
  Listening listening{.unix_path = path};
  try {
    const asio::local::stream_protocol::endpoint endpoint(path);
    remove_stale(endpoint);
    listening.acceptors.push_back(open(context, endpoint));
    bind_and_listen(listening.acceptors.front(), endpoint);
  } catch (const boost::system::system_error& error) {
    throw_start_error(path, error.code());
  }
  return listening;
}

int port_of(const Acceptor& acceptor) {
  tcp::endpoint bound;
  const auto local = acceptor.local_endpoint();
  bound.resize(local.size());
  std::copy_n(
      reinterpret_cast<const char*>(local.data()), local.size(),
      reinterpret_cast<char*>(bound.data()));
  return bound.port();
}

// A name may have addresses that the machine has not: ::1 without IPv6.
bool is_absent(const Error& error) {
  return error == asio::error::address_family_not_supported ||
         error == boost::system::errc::address_not_available;
}

struct Attempt {
  Listening listening{};
  Error error{};
  tcp::endpoint failed_at{};
};

Attempt try_all(
    asio::io_context& context, const std::vector<tcp::endpoint>& endpoints) {
  Attempt attempt;
  auto& acceptors = attempt.listening.acceptors;
  for (tcp::endpoint endpoint : endpoints) {
    try {
      if (!acceptors.empty()) {
        endpoint.port(static_cast<uint16_t>(attempt.listening.port));
      }
      Acceptor acceptor = open(context, endpoint);
      acceptor.set_option(asio::socket_base::reuse_address(true));
      if (endpoint.address().is_v6() && endpoints.size() > 1) {
        acceptor.set_option(asio::ip::v6_only(true)); // "::" takes IPv4 too
      }
      bind_and_listen(acceptor, endpoint);
      attempt.listening.port = port_of(acceptor);
      acceptors.push_back(std::move(acceptor));
    } catch (const boost::system::system_error& error) {
      attempt.failed_at = endpoint;
      attempt.error = error.code();
      if (!is_absent(attempt.error)) {
        return attempt;
      }
    }
  }
  if (!acceptors.empty()) {
    attempt.error = {};
  }
  return attempt;
}

const char* advice(const Error& error) {
  return error == asio::error::address_in_use
             ? "; --port takes another, or 0 for any that is free"
             : "";
}

std::string text_of(const tcp::endpoint& endpoint) {
  std::ostringstream text;
  text << endpoint;
  return text.str();
}

} // namespace

Listening start_listening(
    asio::io_context& context, const ServerOptions& options) {
  if (options.host.starts_with(kUnixPrefix)) {
    return listen_at_file(context, options.host.substr(kUnixPrefix.size()));
  }
  return listen_at(context, resolve_host(context, options.host, options.port));
}

std::vector<tcp::endpoint> resolve_host(
    asio::io_context& context, const std::string& host, int port) {
  const bool bracketed =
      host.size() > 2 && host.front() == '[' && host.back() == ']';
  const std::string name = bracketed ? host.substr(1, host.size() - 2) : host;
  auto flags = tcp::resolver::passive;
  if (bracketed) {
    flags |= tcp::resolver::numeric_host;
  }
  Error error;
  tcp::resolver resolver(context);
  const auto found = resolver.resolve(name, std::to_string(port), flags, error);
  if (error || found.empty()) {
    throw_start_error(fmt::format("{}:{}", host, port), error);
  }
  std::vector<tcp::endpoint> endpoints; // a hosts file may repeat itself
  for (const auto& entry : found) {
    if (std::find(endpoints.begin(), endpoints.end(), entry.endpoint()) ==
        endpoints.end()) {
      endpoints.push_back(entry.endpoint());
    }
  }
  return endpoints;
}

Listening listen_at(
    asio::io_context& context, const std::vector<tcp::endpoint>& endpoints) {
  PARALLM_CHECK(!endpoints.empty(), "no address to listen at");
  for (int tries = 1;; ++tries) {
    Attempt attempt = try_all(context, endpoints);
    if (!attempt.error) {
      return std::move(attempt.listening);
    }
    const bool may_pick_another = endpoints.front().port() == 0 &&
                                  attempt.error == asio::error::address_in_use;
    if (!may_pick_another || tries == kPortTries) {
      throw_start_error(
          text_of(attempt.failed_at), attempt.error, advice(attempt.error));
    }
  }
}

} // namespace parallm::http
