#include "http/listener.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/check.h"
#include "tests/http/test_server.h"

namespace parallm::http::testing {
namespace {

using boost::asio::ip::tcp;

tcp::endpoint at(const std::string& address, int port = 0) {
  return {boost::asio::ip::make_address(address), static_cast<uint16_t>(port)};
}

// Those of this machine; it may have no IPv6.
std::vector<tcp::endpoint> loopbacks() {
  boost::asio::io_context context;
  std::vector<tcp::endpoint> own;
  for (const tcp::endpoint& endpoint : {at("127.0.0.1"), at("::1")}) {
    tcp::socket socket(context);
    boost::system::error_code error;
    socket.open(endpoint.protocol(), error);
    if (!error) {
      socket.bind(endpoint, error);
    }
    if (!error) {
      own.push_back(endpoint);
    }
  }
  return own;
}

Answer ask_at(tcp::endpoint endpoint, int port) {
  endpoint.port(static_cast<uint16_t>(port));
  Client client = Client::to_address(endpoint.data(), endpoint.size());
  client.send(get("/echo"));
  return client.read_answer();
}

// One shard that serves /echo, and a listener at these addresses.
class EchoAt {
 public:
  explicit EchoAt(const std::vector<tcp::endpoint>& endpoints) {
    site_.router =
        Router({{.method = "GET", .path = "/echo", .handler = echo}});
    site_.failure_body = failure_body;
    shards_.push_back(std::make_unique<Shard>(0, site_, census_, bodies_));
    Listening listening = listen_at(shards_.front()->context(), endpoints);
    port = listening.port;
    sockets = listening.acceptors.size();
    listener_ = std::make_unique<Listener>(
        std::move(listening), shards_, census_, site_.options.max_connections);
    listener_->start();
    shards_.front()->start(nullptr);
  }

  ~EchoAt() {
    shards_.front()->post([this] { listener_->close(); });
    shards_.front()->stop();
    shards_.front()->join();
  }

  int port = 0;
  size_t sockets = 0;

 private:
  Site site_{};
  Census census_{1};
  BodyBudget bodies_{site_.options.max_bodies_bytes};
  std::vector<std::unique_ptr<Shard>> shards_{};
  std::unique_ptr<Listener> listener_{};
};

TEST(Listener, AcceptsAtEveryAddress) {
  const auto endpoints = loopbacks();
  if (endpoints.size() < 2) {
    GTEST_SKIP() << "this machine has one loopback address";
  }
  EchoAt server(endpoints);
  ASSERT_EQ(server.sockets, endpoints.size());
  for (int round = 0; round < 3; ++round) {
    for (const tcp::endpoint& endpoint : endpoints) {
      EXPECT_EQ(ask_at(endpoint, server.port).status, 200) << endpoint;
    }
  }
}

TEST(Listener, TheIpv6AddressOfSeveralLeavesIpv4Alone) {
  if (loopbacks().size() < 2) {
    GTEST_SKIP() << "this machine has no IPv6";
  }
  EchoAt server({at("::"), at("0.0.0.0")});
  EXPECT_EQ(server.sockets, 2u);
  EXPECT_EQ(ask_at(at("127.0.0.1"), server.port).status, 200);
  EXPECT_EQ(ask_at(at("::1"), server.port).status, 200);
}

// 192.0.2.0/24 is for documents only (RFC 5737).
TEST(Listener, LeavesOutAddressesThatTheMachineHasNot) {
  EchoAt server({at("192.0.2.1"), at("127.0.0.1")});
  EXPECT_EQ(server.sockets, 1u);
  EXPECT_EQ(ask_at(at("127.0.0.1"), server.port).status, 200);
}

StartError refusal_at(const std::vector<tcp::endpoint>& endpoints) {
  boost::asio::io_context context;
  try {
    listen_at(context, endpoints);
  } catch (const StartError& error) {
    return error;
  }
  return {0, "accepted"};
}

int exit_code_at(const std::vector<tcp::endpoint>& endpoints) {
  return refusal_at(endpoints).exit_code;
}

TEST(Listener, NeedsOneAddressThatTheMachineHas) {
  EXPECT_EQ(exit_code_at({at("192.0.2.1")}), kExitUnavailable);
}

TEST(Listener, OneTakenAddressOfSeveralIsAnError) {
  const auto endpoints = loopbacks();
  EchoAt first({endpoints.front()});
  std::vector<tcp::endpoint> same_port;
  for (auto endpoint = endpoints.rbegin(); endpoint != endpoints.rend();
       ++endpoint) {
    same_port.push_back(at(endpoint->address().to_string(), first.port));
  }
  EXPECT_EQ(exit_code_at(same_port), kExitUnavailable);
}

TEST(Listener, ATakenPortIsToldWithTheFlagThatTakesAnother) {
  const EchoAt first({at("127.0.0.1")});
  const std::string advice =
      "; --port takes another, or 0 for any that is free";
  const std::string taken = refusal_at({at("127.0.0.1", first.port)}).what();
  EXPECT_TRUE(taken.ends_with("in use" + advice)) << taken;
  const std::string absent = refusal_at({at("192.0.2.1", first.port)}).what();
  EXPECT_EQ(absent.find(advice), std::string::npos) << absent;
}

TEST(Host, IsAnAddressWithOrWithoutBrackets) {
  boost::asio::io_context context;
  const std::vector<tcp::endpoint> expected{at("::1", 80)};
  EXPECT_EQ(resolve_host(context, "::1", 80), expected);
  EXPECT_EQ(resolve_host(context, "[::1]", 80), expected);
  EXPECT_THROW(resolve_host(context, "[localhost]", 80), StartError);
}

TEST(Host, LocalhostIsServedAtAllItsAddresses) {
  ServerOptions options = test_options();
  options.host = "localhost";
  TestServer test(options);
  boost::asio::io_context context;
  const auto own = loopbacks();
  for (const auto& endpoint : resolve_host(context, "localhost", 0)) {
    if (std::find(own.begin(), own.end(), endpoint) != own.end()) {
      EXPECT_EQ(ask_at(endpoint, test.server.port()).status, 200) << endpoint;
    }
  }
}

TEST(Host, IsAnIpv6AddressInBrackets) {
  if (loopbacks().size() < 2) {
    GTEST_SKIP() << "this machine has no IPv6";
  }
  ServerOptions options = test_options();
  options.host = "[::1]";
  TestServer test(options);
  EXPECT_EQ(ask_at(at("::1"), test.server.port()).status, 200);
}

} // namespace
} // namespace parallm::http::testing
