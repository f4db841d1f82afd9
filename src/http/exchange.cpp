#include "http/exchange.h"

#include "http/exchange_impl.h"

namespace parallm::http {

std::string_view Request::header(std::string_view lower_case_name) const {
  return header_value(headers, lower_case_name);
}

const Request& Exchange::request() const {
  return impl_.request();
}

int Exchange::shard() const {
  return impl_.shard();
}

Task<> Exchange::send(Response response) {
  return impl_.send(std::move(response));
}

Task<bool> Exchange::start_stream(Response head) {
  return impl_.start_stream(std::move(head));
}

Task<bool> Exchange::write(std::string bytes) {
  return impl_.write(std::move(bytes));
}

Task<> Exchange::finish_stream(bool close) {
  return impl_.finish_stream(close);
}

Task<Woken> Exchange::wait(std::chrono::milliseconds limit) {
  return impl_.wait(limit);
}

void Exchange::wake() {
  impl_.wake();
}

bool Exchange::client_gone() const {
  return impl_.client_gone();
}

void Exchange::drop() {
  impl_.drop();
}

void Exchange::note(std::string text) {
  impl_.note(std::move(text));
}

} // namespace parallm::http
