#include <gtest/gtest.h>

#include <random>

#include "base/thread.h"
#include "tests/http/test_server.h"

namespace parallm::http::testing {
namespace {

enum class Leaving { kClose, kHalfClose, kReset };

void leave(Client& client, Leaving how) {
  switch (how) {
    case Leaving::kClose:
      return client.close();
    case Leaving::kHalfClose:
      return client.end_writes();
    case Leaving::kReset:
      return client.reset();
  }
}

// Closing connections end on their shard; ask until they have.
bool ends_without_connections(TestServer& test) {
  return test.server.drain(std::chrono::steady_clock::now() + Gauge::kLimit);
}

class Disconnect : public ::testing::TestWithParam<Leaving> {};

TEST_P(Disconnect, AtEveryByteOfARequest) {
  TestServer test;
  const std::string requests[] = {
      post("/hang", R"({"a":1})"),
      "POST /hang HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "2\r\n{}\r\n0\r\n\r\n"};
  int whole = 0;
  for (const std::string& request : requests) {
    for (size_t bytes = 0; bytes <= request.size(); ++bytes) {
      Client client = test.connect();
      client.send(std::string_view(request).substr(0, bytes));
      if (bytes == request.size()) {
        ASSERT_TRUE(test.probe.begun.wait_for(++whole));
      }
      leave(client, GetParam());
      if (GetParam() == Leaving::kHalfClose) {
        ASSERT_TRUE(client.at_end()) << bytes;
      }
    }
  }
  EXPECT_TRUE(test.probe.live.wait_for(0));
  EXPECT_EQ(test.probe.gone.value(), whole);
  EXPECT_TRUE(ends_without_connections(test));
}

TEST_P(Disconnect, AtEveryByteOfAStream) {
  TestServer test;
  Client first = test.connect();
  first.send(get("/hang-stream"));
  const size_t answer_bytes = first.read_until("here\r\n").size();
  for (size_t bytes = 0; bytes <= answer_bytes; bytes += 3) {
    Client client = test.connect();
    client.send(get("/hang-stream"));
    ASSERT_EQ(client.read_bytes(bytes).size(), bytes);
    leave(client, GetParam());
    if (bytes > 0) {
      ASSERT_TRUE(test.probe.live.wait_for(1));
    }
  }
  leave(first, GetParam());
  EXPECT_TRUE(ends_without_connections(test));
  EXPECT_EQ(test.probe.live.value(), 0);
}

TEST_P(Disconnect, WhileAWriteIsUnderWay) {
  TestServer test;
  for (int i = 1; i <= 10; ++i) {
    Client client = test.connect();
    client.shrink_receive_buffer();
    client.send(get("/endless"));
    ASSERT_TRUE(test.probe.begun.wait_for(i));
    client.read_bytes(static_cast<size_t>(i) * 1000);
    leave(client, GetParam());
    ASSERT_TRUE(test.probe.live.wait_for(0)) << i;
  }
  EXPECT_EQ(test.probe.gone.value(), 10);
}

TEST_P(Disconnect, AfterAPipelinedRequest) {
  TestServer test;
  Client client = test.connect();
  client.send(post("/hang", "{}") + get("/echo"));
  ASSERT_TRUE(test.probe.begun.wait_for(1));
  client.send(get("/echo") + "GET /ec");
  leave(client, GetParam());
  EXPECT_TRUE(test.probe.live.wait_for(0));
  EXPECT_TRUE(test.probe.reports.wait_for(1));
  EXPECT_EQ(test.probe.taken()[0].status, 499);
}

// The end of the client is behind bytes that the handler does not wait for.
TEST_P(Disconnect, AfterAsManyBytesAsAreReadAheadAndAfterMore) {
  ServerOptions options = test_options();
  options.max_pipelined_bytes = 1000;
  for (const size_t bytes : {1000, 5000}) {
    TestServer test(options);
    Client client = test.connect();
    client.send(post("/hang", "{}"));
    ASSERT_TRUE(test.probe.begun.wait_for(1));
    client.send(std::string(bytes, 'x'));
    leave(client, GetParam());
    EXPECT_TRUE(test.probe.live.wait_for(0)) << bytes;
    EXPECT_TRUE(test.probe.reports.wait_for(1)) << bytes;
    EXPECT_EQ(test.probe.taken()[0].status, 499) << bytes;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All,
    Disconnect,
    ::testing::Values(Leaving::kClose, Leaving::kHalfClose, Leaving::kReset));

void be_random(int port, unsigned seed) {
  std::mt19937 random(seed);
  const std::string requests[] = {get("/echo"),        get("/stream"),
                                  get("/endless"),     get("/hang-stream"),
                                  post("/hang", "{}"), get("/fail-late"),
                                  "broken\r\n\r\n"};
  for (int i = 0; i < 5; ++i) {
    const std::string& request = requests[random() % std::size(requests)];
    Client client = Client::to_port(port);
    const size_t bytes =
        random() % 3 == 0 ? random() % request.size() : request.size();
    client.send(std::string_view(request).substr(0, bytes));
    if (bytes == request.size() && random() % 2 == 0 &&
        !request.starts_with("POST /hang")) {
      client.read_bytes(random() % 100);
    }
    leave(client, static_cast<Leaving>(random() % 3));
  }
}

TEST(Disconnect, TwoHundredClientsLeaveNothingBehind) {
  TestServer test;
  {
    std::vector<Thread> clients;
    for (unsigned i = 0; i < 200; ++i) {
      clients.emplace_back(
          [port = test.server.port(), i] { be_random(port, i); });
    }
  }
  EXPECT_EQ(test.ask(get("/echo")).status, 200);
  EXPECT_TRUE(ends_without_connections(test));
  EXPECT_EQ(test.probe.live.value(), 0);
}

} // namespace
} // namespace parallm::http::testing
