#pragma once

#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <string>
#include <vector>

#include "base/check.h"

// Many clients on one thread, each with one streamed answer, who read and look
// at nothing but the end of it: the cheapest load there is.
namespace parallm {

using Seconds = std::chrono::duration<double>;

inline double now_s() {
  return Seconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

inline double thread_cpu_s() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * double(time.tv_nsec);
}

inline std::string post_request(const std::string& body) {
  return fmt::format(
      "POST /v1/completions HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n"
      "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
      body.size(), body);
}

struct Sink {
  size_t bytes = 0;
  int complete = 0; // streams that ended with [DONE]
  double first_s = 0;
  double last_s = 0;
  double cpu_s = 0; // of the reading thread
};

class StreamClients {
 public:
  StreamClients() = default;
  StreamClients(const StreamClients&) = delete;
  StreamClients& operator=(const StreamClients&) = delete;
  ~StreamClients() {
    for (const Stream& stream : streams_) {
      ::close(stream.fd);
    }
  }

  void send(int port, const std::string& request) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const auto* any = reinterpret_cast<const sockaddr*>(&address);
    PARALLM_CHECK(::connect(fd, any, sizeof(address)) == 0, "connect");
    const ssize_t sent = ::write(fd, request.data(), request.size());
    PARALLM_CHECK(sent == static_cast<ssize_t>(request.size()), "write");
    streams_.push_back({.fd = fd});
  }

  // Reads every stream to its end.
  Sink read_all() {
    Sink sink;
    std::vector<pollfd> polls;
    for (const Stream& stream : streams_) {
      polls.push_back({.fd = stream.fd, .events = POLLIN, .revents = 0});
    }
    for (size_t open = polls.size(); open > 0;) {
      ::poll(polls.data(), static_cast<nfds_t>(polls.size()), -1);
      for (size_t i = 0; i < polls.size(); ++i) {
        if (polls[i].revents != 0 && !read_some(streams_[i], sink)) {
          polls[i].fd = -1;
          polls[i].revents = 0;
          --open;
        }
      }
    }
    sink.last_s = now_s();
    sink.cpu_s = thread_cpu_s();
    return sink;
  }

 private:
  static constexpr size_t kTailBytes = 64;

  struct Stream {
    int fd = -1;
    std::string tail{}; // the last bytes read
  };

  // False: that was the end.
  bool read_some(Stream& stream, Sink& sink) {
    const ssize_t got = ::read(stream.fd, buffer_.data(), buffer_.size());
    if (got <= 0) {
      sink.complete += stream.tail.find("[DONE]") != std::string::npos;
      return false;
    }
    sink.first_s = sink.bytes == 0 ? now_s() : sink.first_s;
    sink.bytes += static_cast<size_t>(got);
    const size_t tail = std::min(kTailBytes, static_cast<size_t>(got));
    stream.tail.append(buffer_.data() + got - tail, tail);
    stream.tail.erase(
        0, stream.tail.size() - std::min(kTailBytes, stream.tail.size()));
    return true;
  }

  std::vector<Stream> streams_{};
  std::vector<char> buffer_ = std::vector<char>(1 << 20);
};

} // namespace parallm
