// The parser of connections, fed with bytes cut at random places, and all that
// a request head alone decides. However the bytes are cut, the same requests
// must come out.
#include <algorithm>
#include <cstdlib>

#include "http/gate.h"
#include "http/request_reader.h"
#include "http/response_head.h"
#include "tests/fuzz/fuzz_target.h"

namespace parallm::fuzz {

using namespace http;
using Progress = RequestReader::Progress;

std::vector<std::string> seeds() {
  return {
      "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n",
      "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
      "Content-Length: 2\r\n\r\n{}GET /x HTTP/1.1\r\nHost: a\r\n\r\n",
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3;a=\"b\"\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nT: v\r\n\r\n",
      "HEAD http://a/items/x%2fy?q=1 HTTP/1.0\r\nConnection: keep-alive\r\n"
      "X-Api-Key: key\r\nX-Request-Id: id\r\nOrigin: http://b\r\n\r\n",
      "OPTIONS /echo HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\n"
      "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: "
      "x\r\n\r\n",
      "POST /admin HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer key\r\n"
      "Expect: 100-continue\r\nContent-Encoding: gzip\r\n"
      "Content-Length: 5\r\n\r\nabcde"};
}

std::vector<std::string> tokens() {
  return {
      "\r\n",
      "\r\n\r\n",
      "\n",
      "\r",
      ": ",
      " ",
      "\t",
      "0\r\n\r\n",
      "%",
      "%00",
      "%2f",
      "%ff",
      "GET ",
      "POST ",
      "HTTP/1.1",
      "HTTP/1.0",
      "HTTP/2.0",
      "Host: a\r\n",
      "Content-Length: ",
      "Content-Length: 0\r\n",
      "Content-Length: 18446744073709551615\r\n",
      "Content-Length: -1\r\n",
      "Transfer-Encoding: chunked\r\n",
      "Transfer-Encoding: gzip, chunked\r\n",
      "Connection: close\r\n",
      "Connection: ,,\r\n",
      "Expect: 100-continue\r\n",
      "Upgrade: h2c\r\n",
      "ffffffffffffffff\r\n",
      "7fffffffffffffff;\r\n",
      ";",
      "X-Request-Id: ",
      "Content-Type: ",
      "/items/",
      "/upload",
      "*",
      "?",
      "#",
      "\xc3\xa9",
      "\xed\xa0\x80",
      " folded\r\n",
      std::string(2000, 'a')};
}

namespace {

constexpr size_t kMaxHeadBytes = 1500;
constexpr uint64_t kMaxBodyBytes = 400;
constexpr int kAllowed[] = {204, 400, 401, 403, 404, 405, 413, 415, 431};

#define FUZZ_EXPECT(condition) \
  do {                         \
    if (!(condition)) {        \
      std::abort();            \
    }                          \
  } while (false)

bool allowed(int status) {
  return std::find(std::begin(kAllowed), std::end(kAllowed), status) !=
         std::end(kAllowed);
}

Site make_site() {
  Site site;
  site.options.max_body_bytes = kMaxBodyBytes;
  site.options.api_keys = {
      {"u", "user", Role::kUser}, {"a", "key", Role::kAdmin}};
  site.cors = Cors({"http://b"}, {"x-request-id"});
  site.failure_body = [](const Failure& failure, const Request&) {
    return Response{.body = failure.code + failure.message};
  };
  site.router = Router(
      {{.method = "GET", .path = "/echo", .access = Access::kOpen},
       {.method = "POST", .path = "/echo", .access = Access::kOpen},
       {.method = "GET", .path = "/items/*"},
       {.method = "POST",
        .path = "/upload",
        .content_types = {"multipart/form-data"},
        .max_body_bytes = 900},
       {.method = "POST", .path = "/admin", .access = Access::kAdmin}});
  return site;
}

const Site& site() {
  static const Site kept = make_site();
  return kept;
}

// One line for each thing that became of the bytes. Failures leave none: when
// a broken head is noticed, at once or at its end, depends on the cuts.
using Story = std::vector<std::string>;

enum class Cuts { kNone, kRandom, kEvery };

class Feeder {
 public:
  Feeder(std::string_view bytes, Cuts cuts)
      : left_(bytes), cuts_(cuts), random_(bytes.size()) {}

  // False: nothing is left.
  bool feed(RequestReader& reader) {
    if (left_.empty()) {
      return false;
    }
    const size_t bytes = cuts_ == Cuts::kNone    ? left_.size()
                         : cuts_ == Cuts::kEvery ? 1
                                                 : next_size();
    reader.feed(left_.substr(0, bytes));
    left_.remove_prefix(std::min(bytes, left_.size()));
    return true;
  }

 private:
  size_t next_size() {
    random_ = random_ * 6364136223846793005u + 1442695040888963407u;
    const auto high = static_cast<size_t>(random_ >> 33);
    return 1 + high % ((high >> 8) % 4 == 0 ? 3 : 40);
  }

  std::string_view left_;
  Cuts cuts_;
  uint64_t random_;
};

template <class Read>
Progress read_all(RequestReader& reader, Feeder& feeder, Read read) {
  Progress progress = read();
  while (progress == Progress::kNeedMore && feeder.feed(reader)) {
    progress = read();
  }
  return progress;
}

std::string describe(const Verdict& verdict, const RequestHead& head) {
  const Request& request = verdict.request;
  std::string line = request.method + " " + request.path + " " + request.rest +
                     "?" + request.query + " " +
                     (head.keep_alive ? "keep" : "close");
  for (const auto& [name, value] : request.headers) {
    line += "|" + name + "=" + value;
  }
  if (verdict.answer) {
    FUZZ_EXPECT(allowed(verdict.answer->status));
    line += "->" + std::to_string(verdict.answer->status);
  }
  return line;
}

// No answer may hold more lines than it was given headers.
void check_answer(const Verdict& verdict) {
  const Headers own{{"x-request-id", verdict.request.id}};
  const Headers cors = site().cors.answer_headers(verdict.request.headers);
  const Headers none;
  const Headers& theirs = verdict.answer ? verdict.answer->headers : none;
  const std::string head = write_head({}, {&own, &cors, &theirs});
  const auto lines = std::count(head.begin(), head.end(), '\n');
  const size_t expected = 3 + own.size() + cors.size() + theirs.size();
  FUZZ_EXPECT(static_cast<size_t>(lines) == expected);
}

// False: the connection ends.
bool read_one(RequestReader& reader, Feeder& feeder, Story& story) {
  const Progress head =
      read_all(reader, feeder, [&] { return reader.read_head(); });
  if (head != Progress::kReady) {
    if (head == Progress::kFailed) {
      FUZZ_EXPECT(allowed(reader.failure().status));
    }
    return false;
  }
  const Verdict verdict = judge(site(), reader.head());
  check_answer(verdict);
  story.push_back(describe(verdict, reader.head()));
  if (verdict.close) {
    return false;
  }
  if (verdict.answer) {
    reader.discard_body(verdict.max_body_bytes);
  } else {
    reader.limit_body(verdict.max_body_bytes);
  }
  const Progress body =
      read_all(reader, feeder, [&] { return reader.read_body(); });
  if (body == Progress::kFailed) {
    FUZZ_EXPECT(allowed(reader.failure().status));
  }
  if (body != Progress::kReady) {
    return false;
  }
  story.push_back(reader.take_body());
  FUZZ_EXPECT(story.back().size() <= verdict.max_body_bytes);
  return reader.head().keep_alive;
}

Story read_requests(std::string_view bytes, Cuts cuts) {
  Story story;
  RequestReader reader(kMaxHeadBytes);
  Feeder feeder(bytes, cuts);
  // Each request has at least 16 bytes.
  for (size_t i = 0; i <= bytes.size() / 16; ++i) {
    if (!read_one(reader, feeder, story)) {
      return story;
    }
  }
  FUZZ_EXPECT(!"more requests than bytes");
  return story;
}

} // namespace
} // namespace parallm::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  using namespace parallm::fuzz;
  const std::string_view input(reinterpret_cast<const char*>(bytes), count);
  const Story whole = read_requests(input, Cuts::kNone);
  FUZZ_EXPECT(whole == read_requests(input, Cuts::kRandom));
  FUZZ_EXPECT(whole == read_requests(input, Cuts::kEvery));
  return 0;
}
