#pragma once

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <optional>
#include <string_view>

#include "http/task.h"

// On the shard of its connection.
namespace parallm::http {

using Socket = boost::asio::generic::stream_protocol::socket;

// One accepted socket, TCP or Unix, plain or TLS. Its shard only. One read and
// one write may be under way at a time.
class Transport {
 public:
  using Error = boost::system::error_code;
  using Pieces = std::array<boost::asio::const_buffer, 3>;

  // `tls` may be null; it must outlive the transport.
  Transport(Socket socket, boost::asio::ssl::context* tls);

  boost::asio::any_io_executor executor() { return socket_.get_executor(); }
  Task<Error> handshake();
  // What the kernel takes at once; 0 with TLS. Never waits.
  size_t write_now(const Pieces& pieces, Error& error);
  // Waits until some bytes are handed over.
  Task<size_t> write_some(std::string_view bytes, Error& error);
  // `done(error, bytes)` is called later, never from here.
  template <class Done>
  void read_some(boost::asio::mutable_buffer buffer, Done done) {
    if (tls_) {
      tls_->async_read_some(buffer, std::move(done));
    } else {
      socket_.async_read_some(buffer, std::move(done));
    }
  }
  // Tells the client that nothing more comes. `done(error)` is called when
  // that is said, perhaps from here.
  template <class Done>
  void end_writes(Done done) {
    if (tls_) {
      tls_->async_shutdown(std::move(done));
      return;
    }
    Error error;
    socket_.shutdown(Socket::shutdown_send, error);
    done(error);
  }
  // All that is under way ends with an error.
  void close();

 private:
  Socket socket_;
  std::optional<boost::asio::ssl::stream<Socket&>> tls_;
};

} // namespace parallm::http
