#include "http/request_reader.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>

namespace parallm::http {

namespace beast = boost::beast;

namespace {

// A chunk's head, or the trailers, may not grow beyond this.
constexpr size_t kMaxChunkHeadBytes = 16 * 1024;

// No chunked body ends in less, "0\r\n\r\n", and Beast asserts that it is
// never given less of that.
constexpr size_t kLastChunkBytes = 5;

// Beast's string_body reserves what Content-Length claims; a claim must not
// cost memory.
constexpr uint64_t kMaxReservedBytes = 64 * 1024;

struct Body {
  struct value_type {
    std::string text{};
    bool discard = false;
  };

  class reader {
   public:
    template <bool isRequest, class Fields>
    reader(beast::http::header<isRequest, Fields>&, value_type& body)
        : body_(body) {}

    void init(
        const boost::optional<uint64_t>& length, beast::error_code& error) {
      error = {};
      if (length && !body_.discard) {
        body_.text.reserve(std::min(*length, kMaxReservedBytes));
      }
    }

    template <class Buffers>
    size_t put(const Buffers& buffers, beast::error_code& error) {
      error = {};
      size_t bytes = 0;
      const auto end = boost::asio::buffer_sequence_end(buffers);
      for (auto it = boost::asio::buffer_sequence_begin(buffers); it != end;
           ++it) {
        const boost::asio::const_buffer buffer = *it;
        bytes += buffer.size();
        if (!body_.discard) {
          body_.text.append(
              static_cast<const char*>(buffer.data()), buffer.size());
        }
      }
      return bytes;
    }

    void finish(beast::error_code& error) { error = {}; }

   private:
    value_type& body_;
  };
};

int count(const Headers& headers, std::string_view name) {
  return static_cast<int>(std::count_if(
      headers.begin(), headers.end(),
      [&](const auto& header) { return header.first == name; }));
}

Failure bad_request(std::string message) {
  return {400, "bad_request", std::move(message)};
}

} // namespace

struct RequestReader::Parser : beast::http::request_parser<Body> {
  explicit Parser(size_t max_head_bytes) {
    header_limit(static_cast<uint32_t>(max_head_bytes));
    body_limit(boost::none); // decided when the route is known
  }
};

RequestReader::RequestReader(size_t max_head_bytes)
    : max_head_bytes_(max_head_bytes),
      parser_(std::make_unique<Parser>(max_head_bytes)) {
}

RequestReader::~RequestReader() = default;

void RequestReader::feed(std::string_view bytes) {
  if (used_ == pending_.size()) {
    pending_.clear();
    used_ = 0;
  }
  pending_.append(bytes);
}

void RequestReader::consume(size_t bytes) {
  used_ += bytes;
  if (used_ > pending_.size() / 2) {
    pending_.erase(0, used_);
    used_ = 0;
  }
  if (pending_.empty() && pending_.capacity() > kMaxReservedBytes) {
    pending_.shrink_to_fit();
  }
}

RequestReader::Progress RequestReader::fail(Failure failure) {
  failure_ = std::move(failure);
  return Progress::kFailed;
}

// RFC 9112 2.2: a server should ignore empty lines before a request.
void RequestReader::skip_blank_lines() {
  size_t blank = 0;
  while (blank < pending_bytes() &&
         (pending_[used_ + blank] == '\r' || pending_[used_ + blank] == '\n')) {
    ++blank;
  }
  consume(blank);
}

RequestReader::Progress RequestReader::read_head() {
  if (!parser_->got_some()) {
    head_ = {};
    skip_blank_lines();
  }
  if (pending_bytes() == 0) {
    return Progress::kNeedMore;
  }
  beast::error_code error;
  const size_t used = parser_->put(
      boost::asio::buffer(pending_.data() + used_, pending_bytes()), error);
  head_bytes_ += used;
  consume(used);
  if (error == beast::http::error::header_limit ||
      head_bytes_ > max_head_bytes_) {
    return head_failed("");
  }
  if (parser_->is_header_done()) {
    return finish_head();
  }
  if (error && error != beast::http::error::need_more) {
    return head_failed(error.message());
  }
  const bool full = head_bytes_ + pending_bytes() > max_head_bytes_;
  return full ? head_failed("") : Progress::kNeedMore;
}

// `reason` is empty for a head that is too long.
RequestReader::Progress RequestReader::head_failed(const std::string& reason) {
  copy_head();
  if (!reason.empty()) {
    return fail(bad_request("The request is not valid HTTP/1.1: " + reason));
  }
  return fail(
      {431, "headers_too_large",
       "The request head is larger than " + std::to_string(max_head_bytes_) +
           " bytes"});
}

RequestReader::Progress RequestReader::finish_head() {
  copy_head();
  if (auto problem = head_problem()) {
    return fail(std::move(*problem));
  }
  head_bytes_ = 0;
  return Progress::kReady;
}

void RequestReader::copy_head() {
  const auto& message = parser_->get();
  head_ = {};
  head_.method = std::string(message.method_string());
  head_.target = std::string(message.target());
  for (const auto& field : message) {
    const auto name = field.name_string();
    head_.headers.emplace_back(
        to_lower({name.data(), name.size()}), std::string(field.value()));
  }
  head_.http_1_0 = message.version() == 10;
  if (!parser_->is_header_done()) {
    return;
  }
  head_.keep_alive = parser_->keep_alive();
  head_.has_body = !parser_->is_done();
  if (const auto length = parser_->content_length()) {
    head_.content_length = *length;
  }
  head_.expects_continue =
      !head_.http_1_0 &&
      to_lower(header_value(head_.headers, "expect")) == "100-continue";
}

// What RFC 9112 forbids and Beast lets through.
std::optional<Failure> RequestReader::head_problem() const {
  const int hosts = count(head_.headers, "host");
  if (hosts > 1 || (hosts == 0 && !head_.http_1_0)) {
    return bad_request("Exactly one Host header is required");
  }
  const std::string* coding = find_header(head_.headers, "transfer-encoding");
  if (coding != nullptr && to_lower(*coding) != "chunked") {
    return Failure{
        415, "unsupported_media_type",
        "The only Transfer-Encoding that is accepted is chunked"};
  }
  return {};
}

void RequestReader::limit_body(uint64_t max_bytes) {
  parser_->body_limit(max_bytes);
  parser_->eager(true);
}

void RequestReader::discard_body(uint64_t max_bytes) {
  limit_body(max_bytes);
  parser_->get().body().discard = true;
}

RequestReader::Progress RequestReader::read_body() {
  beast::error_code error;
  const size_t least = parser_->chunked() ? kLastChunkBytes : 1;
  while (!parser_->is_done() && pending_bytes() >= least && !error) {
    consume(parser_->put(
        boost::asio::buffer(pending_.data() + used_, pending_bytes()), error));
  }
  if (parser_->is_done()) {
    body_ = std::move(parser_->get().body().text);
    parser_ = std::make_unique<Parser>(max_head_bytes_);
    return Progress::kReady;
  }
  if (error == beast::http::error::body_limit) {
    return fail(
        {413, "request_too_large",
         "The request body is larger than this route accepts"});
  }
  if (error && error != beast::http::error::need_more) {
    return fail(
        bad_request("The request body is not valid: " + error.message()));
  }
  if (pending_bytes() > kMaxChunkHeadBytes) {
    return fail(bad_request("A chunk head or trailer is too long"));
  }
  return Progress::kNeedMore;
}

uint64_t RequestReader::body_bytes() const {
  return body_.size() + parser_->get().body().text.size();
}

void RequestReader::drop_body() {
  std::string().swap(body_);
  std::string().swap(parser_->get().body().text);
}

} // namespace parallm::http
