#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "api/openai/errors.h"
#include "api/openai/tables.h"

// Bytes -> JSON -> request of every endpoint. Never throws; what is refused
// is refused with a 4xx that is itself JSON.
namespace {

using namespace parallm;
using namespace parallm::openai;

const Tables& tables() {
  static const Tables all = make_tables({.vocab = 1000});
  return all;
}

void expect(bool truth) {
  if (!truth) {
    std::abort();
  }
}

template <class T>
void check(const Result<T, ApiError>& result) {
  if (result) {
    return;
  }
  const auto& error = result.error();
  expect(error.status >= 400 && error.status < 500);
  expect(!error.code.empty() && error.message.size() < 2000);
  expect(bool(parse_json(error_json(error))));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto body = parse_object({reinterpret_cast<const char*>(data), size});
  check(body);
  if (body) {
    check(read_chat(body.value(), tables(), {}));
    check(read_completion(body.value(), tables(), {}));
    check(read_tokenize(body.value(), tables()));
    check(read_detokenize(body.value(), tables()));
  }
  return 0;
}
