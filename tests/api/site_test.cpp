#include <gtest/gtest.h>

#include "api/headers.h"
#include "api/health.h"
#include "tests/api/site.h"

// The endpoints that do not generate.
namespace parallm::testing {
namespace {

TEST(Models, AreListedWithWhatClientsMayKnow) {
  SiteSettings settings;
  settings.aliases = {"other/name", "*"};
  Site site(settings);
  const auto list = object_of(site.get("/v1/models"));
  EXPECT_EQ(list.at("object"), "list");
  const auto& data = list.at("data").as_array();
  ASSERT_EQ(data.size(), 2u);
  EXPECT_EQ(data[0].at("id"), "tiny-chat");
  EXPECT_EQ(data[0].at("object"), "model");
  EXPECT_EQ(data[0].at("owned_by"), "mlx_parallm");
  EXPECT_EQ(data[0].at("status"), "loaded");
  EXPECT_EQ(data[0].at("max_model_len").as_int64(), kContext);
  const auto one = object_of(site.get("/v1/models/other%2Fname"));
  EXPECT_EQ(one.at("id"), "other/name");
}

TEST(Models, TellTheAdapterOfAllRequests) {
  SiteSettings settings;
  EXPECT_TRUE(
      object_of(Site().get("/v1/models/tiny-chat")).at("adapter").is_null());
  settings.adapter = "pirate";
  Site site(settings);
  const auto model = object_of(site.get("/v1/models/tiny-chat"));
  EXPECT_EQ(model.at("adapter"), "pirate");
  EXPECT_EQ(site.get("/v1/models/pirate").status, 404); // not to be asked for
}

TEST(Endpoints, AreListedAtTheRoot) {
  SiteSettings settings;
  settings.api_keys = {{.name = "me", .key = "secret"}};
  Site site(settings);
  const auto answer = site.get("/");
  EXPECT_EQ(answer.status, 200);
  const auto listed = object_of(answer).at("endpoints").as_array();
  const auto lists = [&](const char* endpoint) {
    return std::find(listed.begin(), listed.end(), endpoint) != listed.end();
  };
  EXPECT_TRUE(lists("POST /v1/chat/completions"));
  EXPECT_TRUE(lists("GET /v1/models/*"));
  EXPECT_FALSE(lists("GET /v1/chat/completions"));
}

TEST(Endpoints, ThatAreNotThereAreNamed) {
  Site site;
  for (const std::string path :
       {"/nothing", "/v1/embeddings", "/v1/chat/completions"}) {
    const auto answer = site.get(path);
    EXPECT_EQ(answer.status, 404);
    const auto error = object_of(answer).at("error").as_object();
    EXPECT_EQ(error.at("type"), "invalid_request_error");
    EXPECT_EQ(error.at("code"), "not_found");
    const auto message = string_of(error.at("message"));
    EXPECT_TRUE(message.starts_with("There is no endpoint GET " + path));
    EXPECT_NE(message.find("GET / lists"), std::string::npos);
    EXPECT_NE(message.find("docs/API.md"), std::string::npos);
  }
}

TEST(Endpoints, OfMessagesAreRefusedInTheirShape) {
  Site site;
  for (const auto* path : {"/v1/messages", "/v1/messages/count_tokens"}) {
    const auto answer = site.post(path, std::string("{}"));
    EXPECT_EQ(answer.status, 404);
    const auto body = object_of(answer);
    EXPECT_EQ(body.at("type"), "error");
    EXPECT_EQ(body.at("error").at("type"), "not_found_error");
    EXPECT_EQ(string_of(body.at("request_id")), answer.header("x-request-id"));
    EXPECT_TRUE(
        string_of(body.at("error").at("message"))
            .starts_with(std::string("There is no endpoint POST ") + path));
  }
  EXPECT_TRUE(object_of(site.get("/v1/messagesx"))
                  .at("error")
                  .as_object()
                  .contains("code"));
}

TEST(Models, ThatAreNotServedAre404) {
  Site site;
  const auto answer = site.get("/v1/models/nobody/knows");
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(object_of(answer).at("error").at("code"), "model_not_found");
}

TEST(Health, FollowsTheHeartbeat) {
  EngineStatus status;
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now().time_since_epoch());
  const std::chrono::milliseconds limit(30'000);
  status.heartbeat_ms = now.count() - 31'000;
  EXPECT_FALSE(is_stalled(status, limit)); // idle
  status.busy = true;
  EXPECT_TRUE(is_stalled(status, limit));
  status.heartbeat_ms = now.count();
  EXPECT_FALSE(is_stalled(status, limit));
}

TEST(Health, TellsWhatIsTheMatter) {
  Site site;
  EXPECT_EQ(site.get("/health").body, R"({"status":"ok"})");
  EXPECT_EQ(site.get("/health/ready").status, 200);
  site.status.state = EngineState::kDraining;
  EXPECT_EQ(site.get("/health").status, 200);
  EXPECT_EQ(site.get("/health/ready").body, R"({"status":"draining"})");
  site.status.state = EngineState::kFailed;
  EXPECT_EQ(site.get("/health").status, 503);
  EXPECT_EQ(site.get("/health/ready").status, 503);
}

TEST(Health, ProbesByGeneratingAToken) {
  Site site;
  EXPECT_EQ(site.get("/health_generate").body, R"({"status":"ok"})");
  EXPECT_EQ(site.get("/health/ready?a=b&probe=1").status, 200);
  EXPECT_GT(site.status.generated_tokens, 0u);
}

TEST(Health, ProbeFailsWithTheEngine) {
  SiteSettings settings;
  settings.failing_step = 1;
  Site site(settings);
  const auto answer = site.get("/health_generate");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.body, R"({"status":"failed"})");
}

TEST(Health, ProbeGivesUpWhenNothingComes) {
  SiteSettings settings;
  settings.limits.stall_timeout = std::chrono::milliseconds(20);
  Site site(settings);
  site.brake.hold();
  EXPECT_EQ(site.get("/health_generate").body, R"({"status":"stalled"})");
}

TEST(Health, SaysWhenToAskAgain) {
  Site site;
  EXPECT_EQ(site.get("/health").header("retry-after"), "");
  site.status.state = EngineState::kFailed;
  for (const auto* path : {"/health", "/health/ready", "/health_generate"}) {
    const auto answer = site.get(path);
    EXPECT_EQ(answer.status, 503) << path;
    EXPECT_GE(std::atoi(answer.header("retry-after").c_str()), 1) << path;
  }
}

TEST(Health, ProbesOnlyForThoseWhoMayGenerate) {
  SiteSettings settings;
  settings.api_keys = {{.name = "me", .key = "secret"}};
  Site site(settings);
  EXPECT_EQ(site.get("/health/ready").status, 200);
  for (const auto* header : {"", "x-api-key: guess\r\n"}) {
    for (const auto* path : {"/health/ready?probe=1", "/health_generate"}) {
      const auto answer = site.get(path, header);
      EXPECT_EQ(answer.status, 401) << path;
      EXPECT_EQ(answer.header("www-authenticate"), "Bearer");
      EXPECT_EQ(object_of(answer).at("error").at("code"), "invalid_api_key");
    }
  }
  EXPECT_EQ(site.status.generated_tokens, 0u);
  const auto answer =
      site.get("/health/ready?probe=1", "x-api-key: secret\r\n");
  EXPECT_EQ(answer.body, R"({"status":"ok"})");
}

TEST(Metrics, ArePrometheusText) {
  Site site;
  const auto answer = site.get("/metrics");
  EXPECT_EQ(answer.body, "up 1\n");
  EXPECT_EQ(
      answer.header("content-type"),
      "text/plain; version=0.0.4; charset=utf-8");
}

TEST(Tokenize, GoesThereAndBack) {
  Site site;
  const std::string text(kStory);
  const auto tokens = object_of(site.post(
      "/v1/tokenize", json::object{
                          {"model", "tiny-chat"},
                          {"prompt", text},
                          {"return_token_strs", true},
                          {"add_special_tokens", false}}));
  const auto& ids = tokens.at("tokens").as_array();
  EXPECT_EQ(tokens.at("count").as_int64(), int64_t(ids.size()));
  EXPECT_EQ(tokens.at("token_strs").as_array().size(), ids.size());
  EXPECT_EQ(tokens.at("max_model_len").as_int64(), kContext);
  const auto back = object_of(site.post(
      "/detokenize", json::object{{"model", "tiny-chat"}, {"tokens", ids}}));
  EXPECT_EQ(string_of(back.at("prompt")), text);
}

TEST(Tokenize, AddsSpecialTokensUnlessToldNotTo) {
  Site site;
  const auto first = object_of(site.post(
      "/tokenize", json::object{{"model", "tiny-chat"}, {"prompt", "a"}}));
  EXPECT_EQ(first.at("tokens").at(0).as_int64(), 0);
}

TEST(Tokenize, NamesWhatIsIdleThereAndBack) {
  Site site;
  const auto inert_of = [&](const std::string& path, json::object body) {
    body["model"] = "tiny-chat";
    body["priority"] = 1;
    body["timeout"] = 2.5;
    const auto answer = site.post(path, body);
    EXPECT_EQ(answer.status, 200) << answer.body;
    return answer.header("x-parallm-inert");
  };
  EXPECT_EQ(inert_of("/tokenize", {{"prompt", "a"}}), "priority,timeout");
  EXPECT_EQ(inert_of("/detokenize", {{"tokens", {5}}}), "priority,timeout");
}

TEST(Tokenize, RefusesTextThatWouldHoldAThreadForLong) {
  Site site;
  const std::string text((8 << 20) + 1, 'a');
  const auto refusal = [&](json::object body) {
    body["model"] = "tiny-chat";
    const auto answer = site.post("/tokenize", body);
    EXPECT_EQ(answer.status, 400);
    return object_of(answer).at("error").as_object();
  };
  const auto plain = refusal({{"prompt", text}});
  EXPECT_EQ(plain.at("code"), "context_length_exceeded");
  EXPECT_EQ(plain.at("param"), "prompt");
  EXPECT_EQ(
      plain.at("message"),
      "'prompt': got 8388609 bytes of text, expected at most 8388608");
  const auto chat =
      refusal({{"messages", {{{"role", "user"}, {"content", text}}}}});
  EXPECT_EQ(chat.at("code"), "chat_template_error");
}

TEST(Errors, OfTheTransportHaveTheSameShape) {
  Site site;
  const auto missing = site.get("/nowhere");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(object_of(missing).at("error").at("code"), "not_found");
  const auto wrong = site.get("/v1/completions");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(object_of(wrong).at("error").at("type"), "invalid_request_error");
  EXPECT_EQ(site.get("/v1/chat/completions").status, 404);
}

TEST(InertHeader, CarriesNoBytesThatEndAHeader) {
  http::Headers headers;
  add_inert_header({"a", "b\r\nx: y", "\xc3\xa4,"}, headers);
  ASSERT_EQ(headers.size(), 1u);
  EXPECT_EQ(headers[0].second, "a,b%0D%0Ax:%20y,%C3%A4%2C");
  http::Headers none;
  add_inert_header({}, none);
  EXPECT_TRUE(none.empty());
}

} // namespace
} // namespace parallm::testing
