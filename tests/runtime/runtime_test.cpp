#include "runtime/runtime.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/check.h"
#include "tests/http/client.h"
#include "tests/support/temporary_folder.h"

namespace parallm {
namespace {

using http::testing::Client;
using testing::HasSubstr;

constexpr std::chrono::seconds kLimit{30};

ServerConfig tiny_chat() {
  ServerConfig config;
  config.model.path = PARALLM_TEST_DATA "/tiny-chat";
  config.network.port = 0;
  return config;
}

http::testing::Answer post(const Runtime& runtime, const std::string& body) {
  Client client = Client::to_port(runtime.port());
  client.send(http::testing::post("/v1/completions", body));
  return client.read_answer();
}

TEST(Runtime, AnswersFromACheckpointAndEndsAtOnceWhenIdle) {
  Runtime runtime(tiny_chat());
  runtime.wait_loaded();
  EXPECT_THAT(
      runtime.address(),
      HasSubstr("http://127.0.0.1:" + std::to_string(runtime.port())));
  const auto answer =
      post(runtime, R"({"model":"tiny-chat","prompt":"once","max_tokens":3})");
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_TRUE(runtime.healthy());
  EXPECT_TRUE(runtime.stop(kLimit));
}

TEST(Runtime, CutsOffWhatDoesNotEndInTime) {
  Runtime runtime(tiny_chat());
  runtime.wait_loaded();
  Client client = Client::to_port(runtime.port());
  client.send(http::testing::post(
      "/v1/completions",
      R"({"model":"tiny-chat","prompt":"once","max_tokens":900,)"
      R"("ignore_eos":true,"stream":true,"n":40})"));
  ASSERT_EQ(client.read_head().status, 200);
  EXPECT_FALSE(runtime.stop(std::chrono::milliseconds(0)));
}

TEST(Runtime, EndsQuietlyBeforeTheModelIsLoaded) {
  const Runtime runtime(tiny_chat());
  EXPECT_GT(runtime.port(), 0);
}

// Not after minutes of loading.
TEST(Runtime, ATakenPortIsToldBeforeTheModelIsLoaded) {
  const Runtime first(tiny_chat());
  ServerConfig config = tiny_chat();
  config.network.port = first.port();
  try {
    const Runtime second(config);
    FAIL() << "not refused";
  } catch (const StartError& error) {
    EXPECT_EQ(error.exit_code, kExitUnavailable);
    EXPECT_THAT(error.what(), HasSubstr(std::to_string(config.network.port)));
  }
}

TEST(Runtime, ABrokenTokenizerStopsTheStart) {
  const test::TemporaryFolder folder;
  std::filesystem::copy(
      PARALLM_TEST_DATA "/tiny-chat", folder.path(),
      std::filesystem::copy_options::recursive);
  folder.write("tokenizer.json", "{");
  ServerConfig config = tiny_chat();
  config.model.path = folder.path().string();
  try {
    Runtime runtime(config);
    FAIL() << "not refused";
  } catch (const StartError& error) {
    EXPECT_EQ(error.exit_code, kExitBadData);
    EXPECT_THAT(error.what(), HasSubstr("tokenizer.json"));
  }
}

} // namespace
} // namespace parallm
