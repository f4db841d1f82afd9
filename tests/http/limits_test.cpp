#include <gtest/gtest.h>

#include "tests/http/test_server.h"

namespace parallm::http::testing {
namespace {

std::string code_of(const Answer& answer) {
  return answer.body.substr(0, answer.body.find('|'));
}

void expect_refused(
    TestServer& test,
    const std::string& request,
    int status,
    const std::string& code) {
  const Answer answer = test.ask(request);
  EXPECT_EQ(answer.status, status) << request.substr(0, 200);
  EXPECT_EQ(code_of(answer), code) << request.substr(0, 200);
}

TEST(Limits, UnknownPathsAre404) {
  TestServer test;
  for (const char* path : {"/", "/echo/", "/ECHO", "/items/", "/items", "*"}) {
    expect_refused(test, get(path), 404, "not_found");
  }
}

TEST(Limits, OtherMethodsAre405WithAllow) {
  TestServer test;
  const Answer answer = test.ask("DELETE /echo HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(answer.header("allow"), "GET, HEAD, POST");
  expect_refused(
      test, "OPTIONS /echo HTTP/1.1\r\nHost: a\r\n\r\n", 405,
      "method_not_allowed");
}

TEST(Limits, DecodesPathsAndRests) {
  TestServer test;
  EXPECT_EQ(
      test.ask(get("/items/org%2Fname%20x/y?a=%20")).body,
      "GET /items/org/name x/y [org/name x/y] ?a=%20 ");
  EXPECT_EQ(test.ask(get("/%65cho")).body, "GET /echo [] ? ");
  EXPECT_EQ(test.ask(get("http://host:1/echo?q")).body, "GET /echo [] ?q ");
  for (const char* path : {"/%", "/%4", "/%zz", "/%00", "/%ff", "/%ed%a0%80"}) {
    expect_refused(test, get(path), 400, "bad_request");
  }
}

TEST(Limits, WhatIsNotHttpIs400AndCloses) {
  TestServer test;
  const std::string requests[] = {
      "rubbish\r\n\r\n",
      "GET /echo HTTP/2.0\r\nHost: a\r\n\r\n",
      "GET /echo HTTP/1.1\r\n\r\n",
      "GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
      "GET /echo HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
      "Content-Length: 2\r\n\r\n",
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
      "Transfer-Encoding: chunked\r\n\r\n",
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "zz\r\n\r\n",
  };
  for (const std::string& request : requests) {
    Client client = test.connect();
    client.send(request);
    const Answer answer = client.read_answer();
    EXPECT_EQ(answer.status, 400) << request;
    EXPECT_EQ(answer.header("connection"), "close") << request;
    EXPECT_TRUE(client.at_end()) << request;
  }
}

TEST(Limits, AWrongBodyTypeIs415) {
  TestServer test;
  const std::string head = "POST /echo HTTP/1.1\r\nHost: a\r\n";
  const std::string body = "Content-Length: 2\r\n\r\n{}";
  EXPECT_EQ(test.ask(head + body).status, 200);
  EXPECT_EQ(
      test.ask(
              head + "Content-Type: Application/JSON ; charset=utf-8\r\n" +
              body)
          .status,
      200);
  expect_refused(
      test, head + "Content-Type: text/plain\r\n" + body, 415,
      "unsupported_media_type");
  expect_refused(
      test, head + "Content-Encoding: gzip\r\n" + body, 415,
      "unsupported_media_type");
  expect_refused(
      test, head + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 415,
      "unsupported_media_type");
}

TEST(Limits, ARouteMayTakeOtherTypesAndSizes) {
  ServerOptions options = test_options();
  options.max_body_bytes = 1000;
  TestServer test(options);
  const std::string head =
      "POST /upload HTTP/1.1\r\nHost: a\r\n"
      "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: ";
  EXPECT_EQ(
      test.ask(head + "100000\r\n\r\n" + std::string(100'000, 'x')).status,
      200);
  EXPECT_EQ(test.ask(head + "100001\r\n\r\n").status, 413);
  expect_refused(test, post("/upload", "{}"), 415, "unsupported_media_type");
}

TEST(Limits, ABodyTooLargeIs413AndCloses) {
  ServerOptions options = test_options();
  options.max_body_bytes = 1000;
  TestServer test(options);
  EXPECT_EQ(test.ask(post("/echo", std::string(1000, 'x'))).status, 200);
  const std::string too_large[] = {
      post("/echo", std::string(1001, 'x')),
      post("/missing", std::string(1001, 'x')),
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3e8\r\n" +
          std::string(1000, 'x') + "\r\n1\r\nx\r\n0\r\n\r\n"};
  for (const std::string& request : too_large) {
    Client client = test.connect();
    client.send(request);
    const Answer answer = client.read_answer();
    EXPECT_NE(answer.status, 200);
    EXPECT_EQ(answer.header("connection"), "close");
    EXPECT_TRUE(client.at_end());
  }
  expect_refused(test, too_large[0], 413, "request_too_large");
  expect_refused(test, too_large[2], 413, "request_too_large");
}

TEST(Limits, AClientThatSendsTooMuchStillGetsItsAnswer) {
  ServerOptions options = test_options();
  options.linger_timeout = std::chrono::minutes(1);
  TestServer test(options);
  Client client = test.connect();
  client.send(
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n");
  const std::string part(1 << 16, 'x');
  for (int i = 0; i < 64; ++i) {
    ASSERT_TRUE(client.send(part));
  }
  EXPECT_EQ(client.read_answer().status, 413);
}

TEST(Limits, AHeadTooLargeIs431) {
  TestServer test;
  const auto with_bytes = [](size_t bytes) {
    const std::string empty = get("/echo", "X-Pad: \r\n");
    return get(
        "/echo", "X-Pad: " + std::string(bytes - empty.size(), 'p') + "\r\n");
  };
  EXPECT_EQ(test.ask(with_bytes(32 << 10)).status, 200);
  expect_refused(test, with_bytes((32 << 10) + 1), 431, "headers_too_large");
  expect_refused(
      test, get("/" + std::string(40'000, 'a')), 431, "headers_too_large");
  // Endless, and without an end of line.
  expect_refused(
      test, "GET /" + std::string(40'000, 'a'), 431, "headers_too_large");
}

TEST(Limits, AnEndlessChunkHeadIsRefused) {
  TestServer test;
  expect_refused(
      test,
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;" +
          std::string(40'000, 'e'),
      400, "bad_request");
}

TEST(Limits, AHalfHeadIs408) {
  ServerOptions options = test_options();
  options.head_timeout = std::chrono::milliseconds(20);
  TestServer test(options);
  expect_refused(test, "GET /echo HT", 408, "request_timeout");
}

TEST(Limits, AHalfBodyIs408) {
  ServerOptions options = test_options();
  options.body_timeout = std::chrono::milliseconds(20);
  TestServer test(options);
  expect_refused(
      test, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab",
      408, "request_timeout");
}

TEST(Limits, AClientThatPipelinesTooMuchIsCutOff) {
  ServerOptions options = test_options();
  options.max_pipelined_bytes = 1000;
  TestServer test(options);
  Client client = test.connect();
  client.send(post("/hang", "{}"));
  ASSERT_TRUE(test.probe.begun.wait_for(1));
  client.send(std::string(5000, 'x'));
  EXPECT_TRUE(client.at_end());
  EXPECT_TRUE(test.probe.live.wait_for(0));
  EXPECT_EQ(test.probe.gone.value(), 1);
}

TEST(Limits, AnIdleConnectionIsClosedWithoutAWord) {
  ServerOptions options = test_options();
  options.idle_timeout = std::chrono::milliseconds(20);
  TestServer test(options);
  Client silent = test.connect();
  EXPECT_TRUE(silent.at_end());
  Client client = test.connect();
  client.send(get("/echo"));
  EXPECT_EQ(client.read_answer().status, 200);
  EXPECT_TRUE(client.at_end());
}

TEST(Limits, TooManyConnectionsAre503WithRetryAfter) {
  ServerOptions options = test_options();
  options.max_connections = 2;
  TestServer test(options);
  std::vector<Client> clients;
  for (int i = 0; i < 2; ++i) {
    clients.push_back(test.connect());
    clients.back().send(get("/echo"));
    EXPECT_EQ(clients.back().read_answer().status, 200);
  }
  Client third = test.connect();
  third.send(get("/echo"));
  const Answer answer = third.read_answer();
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.header("retry-after"), "1");
  EXPECT_TRUE(third.at_end());
  for (Client& client : clients) {
    client.send(get("/echo"));
    EXPECT_EQ(client.read_answer().status, 200);
  }
}

} // namespace
} // namespace parallm::http::testing
