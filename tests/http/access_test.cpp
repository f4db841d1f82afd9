#include <gtest/gtest.h>

#include <fstream>

#include "base/check.h"
#include "tests/http/test_server.h"

namespace parallm::http::testing {
namespace {

ServerOptions with_keys() {
  ServerOptions options = test_options();
  options.api_keys = {
      {"reader", "user-key", Role::kUser}, {"boss", "root:key", Role::kAdmin}};
  return options;
}

TEST(Access, NeedsAKeyExceptOnOpenRoutes) {
  TestServer test(with_keys());
  EXPECT_EQ(test.ask(get("/open")).status, 200);
  const Answer refused = test.ask(get("/echo"));
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.header("www-authenticate"), "Bearer");
  EXPECT_TRUE(refused.body.starts_with("invalid_api_key|"));
}

TEST(Access, TakesBothHeaders) {
  TestServer test(with_keys());
  const std::string right[] = {
      "Authorization: Bearer user-key\r\n",
      "Authorization: bearer  user-key\r\n", "X-Api-Key: user-key\r\n",
      "X-Api-Key: root:key\r\n"};
  for (const std::string& header : right) {
    EXPECT_EQ(test.ask(get("/echo", header)).status, 200) << header;
  }
  const std::string wrong[] = {"Authorization: Basic user-key\r\n",
                               "Authorization: Bearer user-ke\r\n",
                               "Authorization: Bearer user-key1\r\n",
                               "Authorization: Bearer\r\n",
                               "Authorization: user-key\r\n",
                               "X-Api-Key:\r\n"};
  for (const std::string& header : wrong) {
    EXPECT_EQ(test.ask(get("/echo", header)).status, 401) << header;
  }
}

TEST(Access, AdminRoutesNeedTheRole) {
  TestServer test(with_keys());
  const auto ask = [&](const std::string& key) {
    return test.ask(post("/admin", "{}", "X-Api-Key: " + key + "\r\n")).status;
  };
  EXPECT_EQ(ask("user-key"), 403);
  EXPECT_EQ(ask("root:key"), 200);
  EXPECT_EQ(ask("none"), 401);
}

TEST(Access, WithoutKeysEverythingIsOpen) {
  TestServer test;
  EXPECT_EQ(test.ask(post("/admin", "{}")).status, 200);
}

class KeyFile {
 public:
  explicit KeyFile(const std::string& text)
      : path_(
            ::testing::TempDir() + "parallm_keys_" +
            std::to_string(::getpid())) {
    std::ofstream(path_) << text;
  }
  ~KeyFile() { ::unlink(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(ApiKeys, ReadsNameKeyAndRole) {
  KeyFile file("# people\n\na:sk-1:user\r\n  b:x:y:z:admin  \n");
  const auto keys = read_api_keys(file.path());
  ASSERT_EQ(keys.size(), 2u);
  EXPECT_EQ(keys[0].name, "a");
  EXPECT_EQ(keys[0].key, "sk-1");
  EXPECT_EQ(keys[0].role, Role::kUser);
  EXPECT_EQ(keys[1].key, "x:y:z");
  EXPECT_EQ(keys[1].role, Role::kAdmin);
}

TEST(ApiKeys, RefusesBrokenFilesWithoutShowingAKey) {
  for (const char* text :
       {"", "# only\n", "name:secret\n", "a::user\n", ":secret:user\n",
        "a:secret:root\n"}) {
    KeyFile file(text);
    try {
      read_api_keys(file.path());
      FAIL() << text;
    } catch (const StartError& error) {
      EXPECT_EQ(error.exit_code, kExitBadData);
      EXPECT_EQ(std::string(error.what()).find("secret"), std::string::npos);
    }
  }
  EXPECT_THROW(read_api_keys("/nonexistent/keys"), StartError);
}

TEST(Cors, IsOffByDefault) {
  TestServer test;
  const Answer answer = test.ask(get("/echo", "Origin: http://a\r\n"));
  EXPECT_EQ(answer.header("access-control-allow-origin"), "");
}

TEST(Cors, AnswersAListedOriginOnly) {
  ServerOptions options = with_keys();
  options.cors_origins = {"http://a", "http://b"};
  TestServer test(options);
  const std::string key = "X-Api-Key: user-key\r\n";
  const Answer listed = test.ask(get("/echo", key + "Origin: http://b\r\n"));
  EXPECT_EQ(listed.header("access-control-allow-origin"), "http://b");
  EXPECT_EQ(listed.header("access-control-allow-credentials"), "true");
  EXPECT_EQ(listed.header("vary"), "origin");
  const Answer other = test.ask(get("/echo", key + "Origin: http://c\r\n"));
  EXPECT_EQ(other.header("access-control-allow-origin"), "");
  EXPECT_EQ(other.header("vary"), "origin");
  const Answer refused = test.ask(get("/echo", "Origin: http://a\r\n"));
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.header("access-control-allow-origin"), "http://a");
}

TEST(Cors, PreflightNeedsNoKey) {
  ServerOptions options = with_keys();
  options.cors_origins = {"*"};
  TestServer test(options);
  const Answer answer = test.ask(
      "OPTIONS /echo HTTP/1.1\r\nHost: a\r\nOrigin: http://a\r\n"
      "Access-Control-Request-Method: POST\r\n"
      "Access-Control-Request-Headers: x-special\r\n\r\n");
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.header("access-control-allow-origin"), "*");
  EXPECT_EQ(answer.header("access-control-allow-credentials"), "");
  EXPECT_EQ(
      answer.header("access-control-allow-methods"),
      "GET, HEAD, POST, OPTIONS");
  EXPECT_EQ(answer.header("access-control-allow-headers"), "x-special");
  EXPECT_EQ(
      test.ask("OPTIONS /missing HTTP/1.1\r\nHost: a\r\n\r\n").status, 404);
}

} // namespace
} // namespace parallm::http::testing
