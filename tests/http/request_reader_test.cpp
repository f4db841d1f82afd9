#include "http/request_reader.h"

#include <gtest/gtest.h>

namespace parallm::http {
namespace {

using Progress = RequestReader::Progress;

constexpr size_t kHeadBytes = 1000;

TEST(RequestReader, ReadsTheSameHoweverTheBytesAreCut) {
  const std::string bytes =
      "\r\nPOST /a?b HTTP/1.1\r\nHost: x\r\nX-A:  spaced \r\n"
      "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
      "GET /next HTTP/1.1\r\nHost: y\r\n\r\n";
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    RequestReader reader(kHeadBytes);
    reader.feed(bytes.substr(0, cut));
    Progress head = reader.read_head();
    if (head == Progress::kNeedMore) {
      reader.feed(bytes.substr(cut));
      head = reader.read_head();
      ASSERT_EQ(head, Progress::kReady) << cut;
      reader.limit_body(10);
    } else {
      reader.limit_body(10);
      if (reader.read_body() == Progress::kReady) {
        EXPECT_EQ(reader.take_body(), "hi");
        continue;
      }
      reader.feed(bytes.substr(cut));
    }
    EXPECT_EQ(reader.head().target, "/a?b");
    EXPECT_EQ(reader.head().headers[1].first, "x-a");
    EXPECT_EQ(reader.head().headers[1].second, "spaced");
    ASSERT_EQ(reader.read_body(), Progress::kReady) << cut;
    EXPECT_EQ(reader.take_body(), "hi");
    ASSERT_EQ(reader.read_head(), Progress::kReady);
    EXPECT_EQ(reader.head().target, "/next");
    EXPECT_FALSE(reader.head().has_body);
  }
}

TEST(RequestReader, KeepsNothingOfADiscardedBody) {
  RequestReader reader(kHeadBytes);
  reader.feed("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
  ASSERT_EQ(reader.read_head(), Progress::kReady);
  reader.discard_body(10);
  EXPECT_EQ(reader.read_body(), Progress::kReady);
  EXPECT_EQ(reader.take_body(), "");
  EXPECT_EQ(reader.pending_bytes(), 0u);
}

TEST(RequestReader, ALengthClaimCostsNoMemory) {
  RequestReader reader(kHeadBytes);
  reader.feed(
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\na");
  ASSERT_EQ(reader.read_head(), Progress::kReady);
  EXPECT_EQ(reader.head().content_length, 999999999999u);
  reader.limit_body(~uint64_t{0});
  EXPECT_EQ(reader.read_body(), Progress::kNeedMore);
}

TEST(RequestReader, CountsTheBytesOfABodyUntilItIsTakenOrDropped) {
  RequestReader reader(kHeadBytes);
  const auto begin = [&] {
    reader.feed("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc");
    ASSERT_EQ(reader.read_head(), Progress::kReady);
    reader.limit_body(10);
    EXPECT_EQ(reader.body_bytes(), 0u);
    ASSERT_EQ(reader.read_body(), Progress::kNeedMore);
    EXPECT_EQ(reader.body_bytes(), 3u);
  };
  begin();
  reader.feed("def");
  ASSERT_EQ(reader.read_body(), Progress::kReady);
  EXPECT_EQ(reader.body_bytes(), 6u);
  EXPECT_EQ(reader.take_body(), "abcdef");
  EXPECT_EQ(reader.body_bytes(), 0u);
  begin();
  reader.drop_body();
  EXPECT_EQ(reader.body_bytes(), 0u);
}

TEST(RequestReader, ForgetsTheHeadOfTheLastRequest) {
  RequestReader reader(kHeadBytes);
  reader.feed("GET /first HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_EQ(reader.read_head(), Progress::kReady);
  reader.limit_body(0);
  ASSERT_EQ(reader.read_body(), Progress::kReady);
  reader.feed("GET /sec");
  ASSERT_EQ(reader.read_head(), Progress::kNeedMore);
  EXPECT_EQ(reader.head().target, "");
}

TEST(RequestReader, ReadsAnEmptyChunkedBodyByteByByte) {
  RequestReader reader(kHeadBytes);
  reader.feed("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n");
  reader.feed("\r\n");
  ASSERT_EQ(reader.read_head(), Progress::kReady);
  reader.limit_body(10);
  for (const char* byte : {"0", "\r", "\n", "\r"}) {
    reader.feed(byte);
    ASSERT_EQ(reader.read_body(), Progress::kNeedMore);
  }
  reader.feed("\n");
  EXPECT_EQ(reader.read_body(), Progress::kReady);
}

TEST(RequestReader, TrailersAreNotHeaders) {
  RequestReader reader(kHeadBytes);
  reader.feed(
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "0\r\nAuthorization: Bearer k\r\n\r\n");
  ASSERT_EQ(reader.read_head(), Progress::kReady);
  reader.limit_body(10);
  ASSERT_EQ(reader.read_body(), Progress::kReady);
  EXPECT_EQ(reader.head().headers.size(), 2u);
}

} // namespace
} // namespace parallm::http
