#include <gtest/gtest.h>

#include "base/check.h"
#include "tests/http/test_server.h"

namespace parallm::http::testing {
namespace {

TEST(Connection, AnswersManyRequestsOneAfterTheOther) {
  TestServer test;
  Client client = test.connect();
  for (int i = 0; i < 20; ++i) {
    const std::string body(static_cast<size_t>(i * 100), 'b');
    ASSERT_TRUE(client.send(post("/echo?n=" + std::to_string(i), body)));
    const Answer answer = client.read_answer();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(
        answer.body, "POST /echo [] ?n=" + std::to_string(i) + " " + body);
  }
  EXPECT_EQ(test.server.connections(), 1);
}

TEST(Connection, AnswersPipelinedRequestsInOrder) {
  TestServer test;
  Client client = test.connect();
  std::string all;
  for (int i = 0; i < 100; ++i) {
    all += i % 3 == 0 ? get("/stream") : post("/echo", std::to_string(i));
  }
  ASSERT_TRUE(client.send(all));
  for (int i = 0; i < 100; ++i) {
    const Answer answer = client.read_answer();
    const std::string expected = i % 3 == 0
                                     ? "data: 0\n\ndata: 1\n\ndata: 2\n\n"
                                     : "POST /echo [] ? " + std::to_string(i);
    ASSERT_EQ(answer.body, expected) << i;
    ASSERT_TRUE(answer.complete);
  }
}

TEST(Connection, KeepsAPipelinedRequestThatComesWhileAHandlerWaits) {
  Exchange* waiting = nullptr;
  Gauge arrived;
  std::vector<Route> more{
      {.method = "GET",
       .path = "/wait",
       .handler = [&](Exchange& exchange) -> Task<> {
         waiting = &exchange;
         return [](Exchange& e, Gauge* begun) -> Task<> {
           begun->add(1);
           co_await e.wait(std::chrono::hours(1));
           co_await e.send(text("woken"));
         }(exchange, &arrived);
       }}};
  ServerOptions options = test_options();
  options.shards = 1;
  TestServer test(options, std::move(more));
  Client client = test.connect();
  client.send(get("/wait"));
  ASSERT_TRUE(arrived.wait_for(1));
  client.send(get("/echo"));
  // The shard answers another client in between: the bytes above have been
  // seen by then.
  EXPECT_EQ(test.ask(get("/echo")).status, 200);
  test.server.post(0, [&] { waiting->wake(); });
  EXPECT_EQ(client.read_answer().body, "woken");
  EXPECT_EQ(client.read_answer().body, "GET /echo [] ? ");
}

TEST(Connection, ReadsChunkedBodiesByteByByte) {
  TestServer test;
  Client client = test.connect();
  const std::string request =
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n0A;ext=1\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n";
  for (char byte : request) {
    ASSERT_TRUE(client.send({&byte, 1}));
  }
  EXPECT_EQ(client.read_answer().body, "POST /echo [] ? abc0123456789");
  client.send(get("/echo"));
  EXPECT_EQ(client.read_answer().status, 200);
}

Task<> answer_body_capacity(Exchange& exchange) {
  Response response{.body = std::to_string(exchange.request().body.capacity())};
  co_await exchange.send(std::move(response));
}

TEST(Connection, KeepsNoMemoryOfTheLastBody) {
  TestServer test(
      test_options(), {{.method = "GET",
                        .path = "/capacity",
                        .handler = answer_body_capacity}});
  Client client = test.connect();
  client.send(post("/echo", std::string(100'000, 'x')) + get("/capacity"));
  EXPECT_EQ(client.read_answer().status, 200);
  EXPECT_LT(std::stoul(client.read_answer().body), 100u);
}

TEST(Connection, InvitesABodyThatWaitsForContinue) {
  TestServer test;
  Client client = test.connect();
  client.send(
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
      "Expect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("body");
  EXPECT_EQ(client.read_answer().body, "POST /echo [] ? body");
}

TEST(Connection, RefusesInPlaceOfContinue) {
  TestServer test;
  Client client = test.connect();
  client.send(
      "POST /missing HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
      "Expect: 100-continue\r\n\r\n");
  const Answer answer = client.read_answer();
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.header("connection"), "close");
  EXPECT_TRUE(client.at_end());
}

TEST(Connection, GoesOnAfterARefusedRequestWithABody) {
  TestServer test;
  Client client = test.connect();
  client.send(post("/missing", std::string(50'000, 'x')));
  EXPECT_EQ(client.read_answer().status, 404);
  client.send(get("/echo"));
  EXPECT_EQ(client.read_answer().status, 200);
}

TEST(Connection, AnswersHeadWithoutBody) {
  TestServer test;
  Client client = test.connect();
  client.send("HEAD /echo HTTP/1.1\r\nHost: a\r\n\r\n");
  const Answer head = client.read_answer(true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.header("content-length"), "16");
  client.send("HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.read_answer(true).status, 200);
  client.send(get("/echo"));
  EXPECT_EQ(client.read_answer().body, "GET /echo [] ? ");
}

TEST(Connection, ClosesWhenTheClientAsksForIt) {
  TestServer test;
  Client client = test.connect();
  client.send(get("/echo", "Connection: close\r\n"));
  EXPECT_EQ(client.read_answer().header("connection"), "close");
  EXPECT_TRUE(client.at_end());
}

TEST(Connection, SpeaksHttp10) {
  TestServer test;
  Client client = test.connect();
  client.send("GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const Answer kept = client.read_answer();
  EXPECT_EQ(kept.header("connection"), "keep-alive");
  client.send("GET /stream HTTP/1.0\r\n\r\n");
  const Answer streamed = client.read_answer();
  EXPECT_EQ(streamed.header("transfer-encoding"), "");
  EXPECT_EQ(streamed.body, "data: 0\n\ndata: 1\n\ndata: 2\n\n");
}

TEST(Connection, EchoesAFitRequestIdAndReplacesOthers) {
  TestServer test;
  const Answer echoed = test.ask(get("/echo", "X-Request-Id: a.B_9-z\r\n"));
  EXPECT_EQ(echoed.header("x-request-id"), "a.B_9-z");
  const std::string unfit[] = {"a b", std::string(129, 'a'), "\xc3\xa9"};
  for (const std::string& id : unfit) {
    const Answer answer =
        test.ask(get("/missing", "X-Request-Id: " + id + "\r\n"));
    EXPECT_EQ(answer.header("x-request-id").substr(0, 4), "req-");
    EXPECT_EQ(answer.header("x-request-id").size(), 36u);
  }
}

TEST(Connection, NamesTheServerOnEveryAnswer) {
  ServerOptions options = test_options();
  options.server_name = "name/1";
  TestServer test(options);
  for (const char* path : {"/echo", "/missing", "/stream", "/fail-early"}) {
    EXPECT_EQ(test.ask(get(path)).header("server"), "name/1") << path;
  }
  EXPECT_EQ(test.ask("rubbish\r\n\r\n").header("server"), "name/1");
}

TEST(Connection, TurnsAHandlersExceptionInto500AndGoesOn) {
  TestServer test;
  Client client = test.connect();
  for (const char* path : {"/fail-early", "/nothing"}) {
    client.send(get(path));
    const Answer answer = client.read_answer();
    EXPECT_EQ(answer.status, 500);
    EXPECT_EQ(
        answer.body, "internal_error|Internal error|" + std::string(path));
  }
  client.send(get("/echo"));
  EXPECT_EQ(client.read_answer().status, 200);
}

TEST(Connection, CutsAStreamWhoseHandlerThrows) {
  TestServer test;
  const Answer answer = test.ask(get("/fail-late"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "begun");
  EXPECT_FALSE(answer.complete);
  ASSERT_TRUE(test.probe.reports.wait_for(1));
  EXPECT_EQ(test.probe.taken()[0].status, 500);
}

TEST(Connection, ClosesAfterAnErrorEvent) {
  TestServer test;
  Client client = test.connect();
  client.send(get("/error-event"));
  const Answer answer = client.read_answer();
  EXPECT_EQ(answer.body, "error event");
  EXPECT_TRUE(answer.complete);
  EXPECT_TRUE(client.at_end());
}

TEST(Connection, TellsTheHookRouteAndStatus) {
  TestServer test;
  Client client = test.connect();
  client.send(get("/items/7") + get("/missing") + get("/stream"));
  for (int i = 0; i < 3; ++i) {
    client.read_answer();
  }
  ASSERT_TRUE(test.probe.reports.wait_for(3));
  const auto reported = test.probe.taken();
  EXPECT_EQ(reported[0].route, "/items/*");
  EXPECT_EQ(reported[0].status, 200);
  EXPECT_EQ(reported[1].route, "");
  EXPECT_EQ(reported[1].status, 404);
  EXPECT_EQ(reported[2].route, "/stream");
}

TEST(Connection, NoHeaderValueCanAddAHeader) {
  std::vector<Route> more{
      {.method = "GET", .path = "/inject", .handler = [](Exchange& e) {
         return e.send({.headers = {{"x-note", "a\r\nx-evil: 1"}}});
       }}};
  TestServer test(test_options(), std::move(more));
  const Answer answer = test.ask(get("/inject"));
  EXPECT_EQ(answer.header("x-note"), "a__x-evil: 1");
  EXPECT_EQ(answer.header("x-evil"), "");
}

TEST(Connection, SpreadsOverTheShardWithTheFewest) {
  ServerOptions options = test_options();
  options.shards = 3;
  TestServer test(options);
  std::vector<Client> clients;
  std::vector<int> seen(3);
  for (int i = 0; i < 9; ++i) {
    clients.push_back(test.connect());
    clients.back().send(get("/shard"));
    ++seen.at(std::stoul(clients.back().read_answer().body));
  }
  EXPECT_EQ(seen, (std::vector<int>{3, 3, 3}));
}

TEST(Connection, WorksOverAUnixSocketAndLeavesNoFile) {
  const std::string path =
      ::testing::TempDir() + "parallm_" + std::to_string(::getpid());
  ServerOptions options = test_options();
  options.host = "unix:" + path;
  {
    TestServer test(options);
    Client client = Client::to_unix(path);
    client.send(get("/echo") + get("/stream"));
    EXPECT_EQ(client.read_answer().status, 200);
    EXPECT_EQ(client.read_answer().body.size(), 27u);
    EXPECT_THROW(TestServer{options}, StartError); // is in use
  }
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

TEST(Connection, TakesOverAStaleUnixSocket) {
  const std::string path =
      ::testing::TempDir() + "parallm_stale_" + std::to_string(::getpid());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(
      ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ::close(fd);
  ServerOptions options = test_options();
  options.host = "unix:" + path;
  TestServer test(options);
  Client client = Client::to_unix(path);
  client.send(get("/echo"));
  EXPECT_EQ(client.read_answer().status, 200);
}

TEST(Server, SaysThatItsAddressIsTaken) {
  TestServer first;
  ServerOptions options = test_options();
  options.port = first.server.port();
  Server second(options, failure_body);
  try {
    second.start();
    FAIL() << "two servers on one port";
  } catch (const StartError& error) {
    EXPECT_EQ(error.exit_code, kExitUnavailable);
  }
}

TEST(Server, HasThePortOfTheCommandLineByDefault) {
  EXPECT_EQ(ServerOptions{}.port, 8000);
}

TEST(Server, RunsWhatWasPostedBeforeTheStart) {
  Gauge ran;
  Server server(test_options(), failure_body);
  for (int shard = 0; shard < server.shards(); ++shard) {
    server.post(shard, [&] { ran.add(1); });
  }
  EXPECT_EQ(ran.value(), 0);
  server.start();
  EXPECT_TRUE(ran.wait_for(server.shards()));
}

} // namespace
} // namespace parallm::http::testing
