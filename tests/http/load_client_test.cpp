#include "http/load_client.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "tests/http/test_server.h"

namespace parallm::http::testing {
namespace {

Address address_of(const TestServer& server, const std::string& path = "") {
  return {
      .host = "127.0.0.1",
      .port = std::to_string(server.server.port()),
      .path = path};
}

// So many answers were waited for at a time. An answer is waited for from when
// it is asked for to its last arrival.
int most_at_a_time(const std::vector<http::Answer>& answers) {
  std::vector<std::pair<double, int>> changes; // at the same time: ends first
  for (const http::Answer& answer : answers) {
    changes.emplace_back(answer.sent_s, 1);
    changes.emplace_back(answer.arrivals.back().at_s, -1);
  }
  std::ranges::sort(changes);
  int most = 0, now = 0;
  for (const auto& [at_s, change] : changes) {
    most = std::max(most, now += change);
  }
  return most;
}

TEST(LoadClient, AnswersAreInTheOrderOfTheBodies) {
  TestServer server;
  std::vector<std::string> bodies;
  for (int i = 0; i < 50; ++i) {
    bodies.push_back(std::string(size_t(i), 'x'));
  }
  const auto answers =
      post_all_and_wait(address_of(server), "/echo", bodies, 7);
  ASSERT_EQ(answers.size(), bodies.size());
  for (size_t i = 0; i < answers.size(); ++i) {
    EXPECT_EQ(answers[i].status, 200);
    EXPECT_EQ(answers[i].body, "POST /echo [] ? " + bodies[i]);
    EXPECT_EQ(answers[i].error, "");
  }
}

// The first are on their way before the first answer can come.
TEST(LoadClient, SendsAsManyAtATimeAsAsked) {
  TestServer server;
  for (const int streams : {1, 3, 40}) {
    const auto answers = post_all_and_wait(
        address_of(server), "/echo", std::vector<std::string>(40, "{}"),
        streams);
    for (const auto& answer : answers) {
      ASSERT_EQ(answer.status, 200);
    }
    EXPECT_EQ(most_at_a_time(answers), streams);
  }
}

TEST(LoadClient, ThePathOfTheServerComesFirst) {
  TestServer server;
  EXPECT_EQ(
      get_and_wait(address_of(server, "/items"), "/echo").body,
      "GET /items/echo [echo] ? ");
}

TEST(LoadClient, ArrivalsAscendToTheWholeBody) {
  TestServer server;
  const auto answer = get_and_wait(address_of(server), "/stream");
  EXPECT_EQ(answer.body, "data: 0\n\ndata: 1\n\ndata: 2\n\n");
  ASSERT_FALSE(answer.arrivals.empty());
  EXPECT_EQ(answer.arrivals.back().body_bytes, answer.body.size());
  EXPECT_TRUE(
      std::ranges::is_sorted(answer.arrivals, {}, &Arrival::body_bytes));
  EXPECT_TRUE(std::ranges::is_sorted(answer.arrivals, {}, &Arrival::at_s));
  EXPECT_LT(answer.sent_s, answer.arrivals.front().at_s);
}

TEST(LoadClient, AnAnswerThatIsCutOffIsAnError) {
  TestServer server;
  EXPECT_NE(get_and_wait(address_of(server), "/fail-late").error, "");
}

TEST(LoadClient, NobodyThereIsAnErrorOfEachAnswer) {
  Address nobody;
  {
    TestServer server;
    nobody = address_of(server);
  }
  const auto answers = post_all_and_wait(nobody, "/echo", {"a", "b"}, 2);
  for (const auto& answer : answers) {
    EXPECT_EQ(answer.error, "Connection refused");
    EXPECT_EQ(answer.status, 0);
  }
}

} // namespace
} // namespace parallm::http::testing
