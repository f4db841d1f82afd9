#include "http/load_client.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/none.hpp>
#include <chrono>

#include "base/check.h"
#include "http/task.h"

namespace parallm::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::use_awaitable;
using asio::ip::tcp;
using Ends = tcp::resolver::results_type;
using Request = beast::http::request<beast::http::string_body>;
using Parser = beast::http::response_parser<beast::http::string_body>;

namespace {

constexpr std::chrono::minutes kPatience{10};

Request get_request(const Address& address, const std::string& path) {
  Request request(beast::http::verb::get, address.path + path, 11);
  request.set(beast::http::field::host, address.authority());
  request.set(beast::http::field::connection, "close");
  return request;
}

Request post_request(
    const Address& address, const std::string& path, const std::string& body) {
  Request request = get_request(address, path);
  request.method(beast::http::verb::post);
  request.set(beast::http::field::content_type, "application/json");
  request.body() = body;
  request.prepare_payload();
  return request;
}

// The functions below take references to what outlives them: the caller waits
// in io_context::run().
Task<> read_answer(beast::tcp_stream& stream, Answer& answer) {
  beast::flat_buffer buffer;
  Parser parser;
  parser.body_limit(boost::none);
  parser.eager(false); // else a read waits on for the end of the next chunk
  while (!parser.is_done()) {
    stream.expires_after(kPatience);
    co_await beast::http::async_read_some(
        stream, buffer, parser, use_awaitable);
    answer.arrivals.push_back({steady_s(), parser.get().body().size()});
  }
  answer.status = parser.get().result_int();
  answer.body = std::move(parser.get().body());
}

Task<> converse(const Ends& ends, const Request& request, Answer& answer) {
  beast::tcp_stream stream(co_await asio::this_coro::executor);
  answer.sent_s = steady_s();
  stream.expires_after(kPatience);
  co_await stream.async_connect(ends, use_awaitable);
  stream.socket().set_option(tcp::no_delay(true));
  co_await beast::http::async_write(stream, request, use_awaitable);
  co_await read_answer(stream, answer);
}

Task<> ask(const Ends& ends, const Request& request, Answer& answer) {
  try {
    co_await converse(ends, request, answer);
  } catch (const boost::system::system_error& error) {
    answer.error = error.code().message();
  }
}

struct Load {
  std::vector<Request> requests{};
  Ends ends{};
  std::vector<Answer> answers{};
  size_t next = 0;
};

Task<> one_stream(Load& load) {
  while (load.next < load.requests.size()) {
    const size_t i = load.next++;
    co_await ask(load.ends, load.requests[i], load.answers[i]);
  }
}

Ends resolve(asio::io_context& context, const Address& address) {
  boost::system::error_code error;
  auto ends = tcp::resolver(context).resolve(address.host, address.port, error);
  if (error) {
    throw StartError(
        kExitUnavailable,
        fmt::format("{}: {}", address.url(), error.message()));
  }
  return ends;
}

std::vector<Answer> answers_to(
    std::vector<Request> requests, const Address& address, int streams) {
  asio::io_context context(1);
  Load load{.requests = std::move(requests)};
  load.ends = resolve(context, address);
  load.answers.resize(load.requests.size());
  for (int i = 0; i < streams; ++i) {
    asio::co_spawn(context, one_stream(load), asio::detached);
  }
  context.run();
  return std::move(load.answers);
}

} // namespace

double steady_s() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

Answer get_and_wait(const Address& address, const std::string& path) {
  return answers_to({get_request(address, path)}, address, 1).front();
}

std::vector<Answer> post_all_and_wait(
    const Address& address,
    const std::string& path,
    const std::vector<std::string>& bodies,
    int streams) {
  std::vector<Request> requests;
  requests.reserve(bodies.size());
  for (const std::string& body : bodies) {
    requests.push_back(post_request(address, path, body));
  }
  return answers_to(std::move(requests), address, streams);
}

} // namespace parallm::http
