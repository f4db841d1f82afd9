#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace parallm::http::testing {

struct Answer {
  int status = 0; // 0: the connection ended before the head was complete
  std::map<std::string, std::string> headers{}; // lower-case names
  std::string body{};
  bool complete = false; // the body ended as the head had said

  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

// A client that does exactly what a test says. Blocks, at most kLimitSeconds
// for each read.
class Client {
 public:
  static constexpr int kLimitSeconds = 30;

  // As getaddrinfo or an endpoint of Asio has it.
  static Client to_address(const sockaddr* address, size_t bytes) {
    Client client(address->sa_family);
    client.connect(address, static_cast<socklen_t>(bytes));
    return client;
  }

  static Client to_port(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    Client client(AF_INET);
    client.connect(reinterpret_cast<sockaddr*>(&address), sizeof(address));
    const int on = 1;
    setsockopt(client.fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return client;
  }

  static Client to_unix(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    Client client(AF_UNIX);
    client.connect(reinterpret_cast<sockaddr*>(&address), sizeof(address));
    return client;
  }

  static Client to_tls_port(int port) {
    Client client = to_port(port);
    client.context_ = SSL_CTX_new(TLS_client_method());
    client.tls_ = SSL_new(client.context_);
    SSL_set_fd(client.tls_, client.fd_);
    if (SSL_connect(client.tls_) != 1) {
      throw std::runtime_error("TLS handshake failed");
    }
    return client;
  }

  Client(Client&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)),
        context_(std::exchange(other.context_, nullptr)),
        tls_(std::exchange(other.tls_, nullptr)),
        buffer_(std::move(other.buffer_)) {}
  Client& operator=(Client&&) = delete;
  ~Client() { close(); }

  // False: the other side has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent =
          tls_ != nullptr
              ? SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()))
              : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) {
        return false;
      }
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  void end_writes() { ::shutdown(fd_, SHUT_WR); }

  // Ends with a reset in place of an orderly end.
  void reset() {
    const linger now{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close();
  }

  void close() {
    SSL_free(std::exchange(tls_, nullptr));
    SSL_CTX_free(std::exchange(context_, nullptr));
    if (fd_ >= 0) {
      ::close(std::exchange(fd_, -1));
    }
  }

  void shrink_receive_buffer() {
    const int bytes = 4096;
    setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
  }

  // One whole answer. `to_head`: of a HEAD request, which has no body.
  Answer read_answer(bool to_head = false) {
    Answer answer = read_head();
    if (answer.status == 0) {
      return answer;
    }
    const std::string length = answer.header("content-length");
    if (to_head || answer.status == 204 || answer.status == 100) {
      answer.complete = true;
    } else if (answer.header("transfer-encoding") == "chunked") {
      read_chunks(answer);
    } else if (!length.empty()) {
      const size_t bytes = std::stoul(length);
      answer.body = read_bytes(bytes);
      answer.complete = answer.body.size() == bytes;
    } else {
      while (read_more()) {
      }
      answer.body = std::exchange(buffer_, {});
      answer.complete = true;
    }
    return answer;
  }

  // The rest of the answer stays to be read.
  Answer read_head() {
    const std::string head = read_until("\r\n\r\n");
    Answer answer;
    if (!head.ends_with("\r\n\r\n") || head.size() < 13) {
      return answer;
    }
    answer.status = std::atoi(head.c_str() + 9);
    size_t begin = head.find("\r\n") + 2;
    while (begin + 2 < head.size()) {
      const size_t end = head.find("\r\n", begin);
      const std::string line = head.substr(begin, end - begin);
      const size_t colon = line.find(": ");
      std::string name = line.substr(0, colon);
      std::transform(name.begin(), name.end(), name.begin(), ::tolower);
      answer.headers[name] = line.substr(colon + 2);
      begin = end + 2;
    }
    return answer;
  }

  // Up to and with `mark`, or what came before the end.
  std::string read_until(std::string_view mark) {
    size_t found = buffer_.find(mark);
    while (found == std::string::npos && read_more()) {
      found = buffer_.find(mark);
    }
    return take(
        found == std::string::npos ? buffer_.size() : found + mark.size());
  }

  std::string read_bytes(size_t bytes) {
    while (buffer_.size() < bytes && read_more()) {
    }
    return take(std::min(bytes, buffer_.size()));
  }

  // True: the other side has closed, and nothing is left to read.
  bool at_end() { return buffer_.empty() && !read_more(); }

 private:
  explicit Client(int family) : fd_(::socket(family, SOCK_STREAM, 0)) {
    const timeval limit{kLimitSeconds, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  }

  void connect(const sockaddr* address, socklen_t bytes) {
    if (::connect(fd_, address, bytes) != 0) {
      close();
      throw std::runtime_error("cannot connect");
    }
  }

  bool read_more() {
    char bytes[16384];
    const auto got = tls_ != nullptr ? SSL_read(tls_, bytes, sizeof(bytes))
                                     : ::recv(fd_, bytes, sizeof(bytes), 0);
    if (got > 0) {
      buffer_.append(bytes, static_cast<size_t>(got));
    }
    const bool too_late = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (too_late && tls_ == nullptr) {
      throw std::runtime_error("the server says nothing");
    }
    return got > 0;
  }

  std::string take(size_t bytes) {
    std::string taken = buffer_.substr(0, bytes);
    buffer_.erase(0, bytes);
    return taken;
  }

  void read_chunks(Answer& answer) {
    while (true) {
      const std::string size = read_until("\r\n");
      if (!size.ends_with("\r\n")) {
        return;
      }
      const size_t bytes = std::stoul(size, nullptr, 16);
      const std::string chunk = read_bytes(bytes + 2);
      if (chunk.size() != bytes + 2) {
        answer.body += chunk.substr(0, bytes);
        return;
      }
      answer.body += chunk.substr(0, bytes);
      if (bytes == 0) {
        answer.complete = true;
        return;
      }
    }
  }

  int fd_ = -1;
  SSL_CTX* context_ = nullptr;
  SSL* tls_ = nullptr;
  std::string buffer_{};
};

inline std::string get(
    const std::string& target, const std::string& more = "") {
  return "GET " + target + " HTTP/1.1\r\nHost: test\r\n" + more + "\r\n";
}

inline std::string post(
    const std::string& target,
    const std::string& body,
    const std::string& more = "") {
  return "POST " + target +
         " HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
         "Content-Length: " +
         std::to_string(body.size()) + "\r\n" + more + "\r\n" + body;
}

} // namespace parallm::http::testing
