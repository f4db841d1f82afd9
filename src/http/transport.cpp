#include "http/transport.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace parallm::http {

namespace asio = boost::asio;

Transport::Transport(Socket socket, asio::ssl::context* tls)
    : socket_(std::move(socket)) {
  Error ignored; // a Unix socket has no such option
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);
  if (tls != nullptr) {
    tls_.emplace(socket_, *tls);
  }
}

Task<Transport::Error> Transport::handshake() {
  Error error;
  if (tls_) {
    co_await tls_->async_handshake(
        asio::ssl::stream_base::server,
        asio::redirect_error(asio::use_awaitable, error));
  }
  co_return error;
}

size_t Transport::write_now(const Pieces& pieces, Error& error) {
  if (tls_) {
    return 0;
  }
  const size_t bytes = socket_.write_some(pieces, error);
  if (error == asio::error::would_block || error == asio::error::try_again) {
    error = {};
  }
  return bytes;
}

Task<size_t> Transport::write_some(std::string_view bytes, Error& error) {
  const auto buffer = asio::buffer(bytes.data(), bytes.size());
  auto token = asio::redirect_error(asio::use_awaitable, error);
  if (tls_) {
    co_return co_await tls_->async_write_some(buffer, token);
  }
  co_return co_await socket_.async_write_some(buffer, token);
}

void Transport::close() {
  Error ignored;
  socket_.close(ignored);
}

} // namespace parallm::http
