#include "cli/bench/first_model.h"

#include <fmt/format.h>

#include "base/check.h"
#include "cli/bench/json_at.h"
#include "cli/bench/refusal.h"
#include "http/load_client.h"

namespace parallm::bench {

namespace {

constexpr auto kModels = "/v1/models";

} // namespace

std::string wait_for_first_model(const http::Address& server) {
  const http::Answer answer = http::get_and_wait(server, kModels);
  expect_success(server, kModels, answer);
  const auto models = parse_json(answer.body);
  const std::string name = models ? text_at(models.value(), "/data/0/id") : "";
  if (name.empty()) {
    throw StartError(
        kExitUnavailable, fmt::format(
                              "{}{} names no model; say with --model which",
                              server.url(), kModels));
  }
  return name;
}

} // namespace parallm::bench
