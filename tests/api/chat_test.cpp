#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "tests/api/site.h"

// POST /v1/chat/completions through sockets, delivery and engine.
namespace parallm::testing {
namespace {

constexpr auto kPath = "/v1/chat/completions";

std::vector<std::string> keys_of(const json::value& object) {
  std::vector<std::string> keys;
  for (const auto& member : object.as_object()) {
    keys.emplace_back(member.key());
  }
  return keys;
}

using Keys = std::vector<std::string>;

const json::object& choice_of(const json::object& chunk) {
  return chunk.at("choices").at(0).as_object();
}

std::string content_of(const json::object& chunk) {
  const auto* content =
      choice_of(chunk).at("delta").as_object().if_contains("content");
  return content != nullptr ? string_of(*content) : "";
}

// What each choice of a stream said.
std::map<int64_t, std::string> texts_of(const Events& events) {
  std::map<int64_t, std::string> texts;
  for (const auto& chunk : events.chunks) {
    if (!chunk.at("choices").as_array().empty()) {
      texts[choice_of(chunk).at("index").as_int64()] += content_of(chunk);
    }
  }
  return texts;
}

std::string whole_text(const json::object& answer, size_t index = 0) {
  return string_of(answer.at("choices").at(index).at("message").at("content"));
}

// The bytes that the entries list, joined.
std::string joined_bytes(const json::value& logprobs) {
  std::string bytes;
  for (const auto& entry : logprobs.at("content").as_array()) {
    for (const auto& byte : entry.at("bytes").as_array()) {
      bytes += char(byte.as_int64());
    }
  }
  return bytes;
}

TEST(Chat, AnswersWhole) {
  Site site;
  const auto answer = site.post(kPath, chat_body());
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.header("content-type"), "application/json");
  EXPECT_EQ(answer.header("x-parallm-weight-version"), "0");
  EXPECT_NE(answer.header("x-parallm-queue-ms"), "");
  EXPECT_EQ(answer.header("x-parallm-inert"), "");
  const auto body = object_of(answer);
  EXPECT_EQ(
      keys_of(body),
      (Keys{
          "id", "object", "created", "model", "choices", "usage",
          "system_fingerprint", "service_tier", "weight_version"}));
  EXPECT_TRUE(string_of(body.at("id")).starts_with("chatcmpl-"));
  EXPECT_EQ(body.at("object"), "chat.completion");
  const auto& choice = body.at("choices").at(0);
  EXPECT_EQ(
      keys_of(choice), (Keys{"index", "message", "logprobs", "finish_reason"}));
  EXPECT_EQ(
      keys_of(choice.at("message")), (Keys{"role", "content", "refusal"}));
  EXPECT_EQ(whole_text(body), kStory);
  EXPECT_EQ(choice.at("finish_reason"), "stop");
  const auto& usage = body.at("usage");
  EXPECT_EQ(
      usage.at("completion_tokens").as_int64(),
      int64_t(site.story_tokens()) + 1);
  EXPECT_EQ(
      usage.at("total_tokens").as_int64(),
      usage.at("prompt_tokens").as_int64() +
          usage.at("completion_tokens").as_int64());
}

TEST(Chat, StreamsFirstPiecesLastAndDone) {
  Site site;
  const auto answer = site.post(kPath, chat_body({{"stream", true}}));
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.header("content-type"), "text/event-stream; charset=utf-8");
  EXPECT_EQ(answer.header("cache-control"), "no-cache");
  EXPECT_EQ(answer.header("x-accel-buffering"), "no");
  EXPECT_TRUE(answer.complete);
  const auto events = events_of(answer.body);
  EXPECT_TRUE(events.done);
  ASSERT_GE(events.chunks.size(), 3u);
  const auto& first = events.chunks.front();
  EXPECT_EQ(
      json::serialize(choice_of(first)),
      R"({"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null})");
  const auto& last = events.chunks.back();
  EXPECT_EQ(
      json::serialize(choice_of(last)),
      R"({"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"})");
  EXPECT_EQ(last.at("weight_version"), "0");
  EXPECT_EQ(texts_of(events).at(0), kStory);
  for (const auto& chunk : events.chunks) {
    EXPECT_EQ(chunk.at("id"), first.at("id"));
    EXPECT_EQ(chunk.at("created"), first.at("created"));
    EXPECT_EQ(chunk.at("object"), "chat.completion.chunk");
    EXPECT_EQ(chunk.at("choices").as_array().size(), 1u);
    EXPECT_FALSE(chunk.contains("usage"));
  }
}

TEST(Chat, SendsUsageLastWhenAsked) {
  Site site;
  const auto body = chat_body(
      {{"stream", true}, {"stream_options", {{"include_usage", true}}}});
  auto events = events_of(site.post(kPath, body).body);
  const auto last = events.chunks.back();
  EXPECT_TRUE(last.at("choices").as_array().empty());
  const auto whole = object_of(site.post(kPath, chat_body()));
  EXPECT_EQ(
      last.at("usage").at("completion_tokens"),
      whole.at("usage").at("completion_tokens"));
  events.chunks.pop_back();
  for (const auto& chunk : events.chunks) {
    EXPECT_TRUE(chunk.at("usage").is_null());
  }
}

TEST(Chat, CountsUsageInEveryChunkWhenAsked) {
  Site site;
  const auto body = chat_body(
      {{"stream", true},
       {"stream_options", {{"continuous_usage_stats", true}}}});
  const auto events = events_of(site.post(kPath, body).body);
  int64_t before = 0;
  for (const auto& chunk : events.chunks) {
    const auto now = chunk.at("usage").at("completion_tokens").as_int64();
    EXPECT_GE(now, before);
    before = now;
  }
  EXPECT_EQ(before, int64_t(site.story_tokens()) + 1);
}

TEST(Chat, StreamsEveryChoiceWithItsOwnFirstAndLastChunk) {
  Site site;
  const auto whole = object_of(site.post(kPath, chat_body({{"n", 3}})));
  const auto events =
      events_of(site.post(kPath, chat_body({{"n", 3}, {"stream", true}})).body);
  const auto texts = texts_of(events);
  ASSERT_EQ(texts.size(), 3u);
  std::map<int64_t, std::string> order; // f, p, l
  for (const auto& chunk : events.chunks) {
    const auto& choice = choice_of(chunk);
    const bool first = choice.at("delta").as_object().contains("role");
    const bool last = !choice.at("finish_reason").is_null();
    order[choice.at("index").as_int64()] += first ? 'f' : last ? 'l' : 'p';
  }
  for (size_t index = 0; index < 3; ++index) {
    EXPECT_EQ(texts.at(int64_t(index)), whole_text(whole, index));
    const auto& chunks = order.at(int64_t(index));
    EXPECT_EQ(chunks.find('f'), 0u);
    EXPECT_EQ(chunks.rfind('f'), 0u);
    EXPECT_EQ(chunks.find('l'), chunks.size() - 1);
  }
}

TEST(Chat, LogprobsJoinToTheContent) {
  Site site;
  const auto body = object_of(
      site.post(kPath, chat_body({{"logprobs", true}, {"top_logprobs", 2}})));
  const auto& logprobs = body.at("choices").at(0).at("logprobs");
  EXPECT_EQ(joined_bytes(logprobs), kStory);
  EXPECT_TRUE(logprobs.at("refusal").is_null());
  for (const auto& entry : logprobs.at("content").as_array()) {
    EXPECT_EQ(entry.at("top_logprobs").as_array().size(), 2u);
  }
}

TEST(Chat, LogprobsTravelWithTheirText) {
  Site site;
  const auto events = events_of(
      site.post(kPath, chat_body({{"logprobs", true}, {"stream", true}})).body);
  int pieces = 0;
  for (const auto& chunk : events.chunks) {
    if (!content_of(chunk).empty()) {
      ++pieces;
      EXPECT_EQ(
          joined_bytes(choice_of(chunk).at("logprobs")), content_of(chunk));
    }
  }
  EXPECT_GT(pieces, 0);
}

TEST(Chat, StopsAtStringsTokensAndBounds) {
  Site site;
  const auto end_of = [&](json::object more) {
    const auto body = object_of(site.post(kPath, chat_body(std::move(more))));
    const auto& choice = body.at("choices").at(0).as_object();
    const auto* reason = choice.if_contains("stop_reason");
    return whole_text(body) + "|" + string_of(choice.at("finish_reason")) +
           "|" + (reason != nullptr ? json::serialize(*reason) : "");
  };
  EXPECT_EQ(
      end_of({{"stop", {"world", "zzz"}}}), "It's a \"small\" |stop|\"world\"");
  EXPECT_EQ(
      end_of({{"stop", "world"}, {"include_stop_str_in_output", true}}),
      "It's a \"small\" world|stop|\"world\"");
  const auto third = site.story()[3];
  EXPECT_EQ(
      end_of({{"stop_token_ids", {third}}}).find("|stop|"),
      end_of({{"stop_token_ids", {third}}})
          .find("|stop|" + std::to_string(third)));
  EXPECT_NE(end_of({{"max_tokens", 2}}).find("|length|"), std::string::npos);
}

TEST(Chat, HoldsBackHalfSeenStopStringsInStreams) {
  Site site;
  const auto body = chat_body({{"stream", true}, {"stop", "world"}});
  const auto events = events_of(site.post(kPath, body).body);
  EXPECT_EQ(texts_of(events).at(0), "It's a \"small\" ");
  EXPECT_EQ(choice_of(events.chunks.back()).at("stop_reason"), "world");
}

TEST(Chat, GroupsTokensByStreamInterval) {
  Site site;
  const auto body = chat_body({{"stream", true}, {"stream_interval", 256}});
  const auto events = events_of(site.post(kPath, body).body);
  EXPECT_EQ(events.chunks.size(), 3u); // first, all text, last
  EXPECT_EQ(texts_of(events).at(0), kStory);
}

TEST(Chat, PadsChunksWhenAsked) {
  Site site;
  const auto answer = site.post(
      kPath, chat_body(
                 {{"stream", true},
                  {"stream_options", {{"include_obfuscation", true}}}}));
  const auto events = events_of(answer.body);
  size_t at = 0;
  for (const auto& chunk : events.chunks) {
    EXPECT_TRUE(chunk.contains("obfuscation"));
    const auto end = answer.body.find("\n\n", at) + 2;
    EXPECT_EQ((end - at) % 64, 0u);
    at = end;
  }
  EXPECT_EQ(texts_of(events).at(0), kStory);
}

TEST(Chat, ReturnsTokenIdsAlignedInStreams) {
  Site site;
  const auto fields = [](bool stream) {
    return chat_body({{"return_token_ids", true}, {"stream", stream}});
  };
  const auto whole = object_of(site.post(kPath, fields(false)));
  const auto& choice = whole.at("choices").at(0);
  json::array expected;
  for (size_t at = 0; at < site.story_tokens(); ++at) {
    expected.emplace_back(site.story()[at]);
  }
  expected.emplace_back(kEos);
  EXPECT_EQ(choice.at("token_ids").as_array(), expected);
  EXPECT_EQ(choice.at("token_logprobs").as_array().size(), expected.size());
  EXPECT_EQ(
      json::serialize(choice.at("weight_versions")),
      "[[0," + std::to_string(expected.size()) + ",\"0\"]]");
  EXPECT_EQ(
      int64_t(whole.at("prompt_token_ids").as_array().size()),
      whole.at("usage").at("prompt_tokens").as_int64());

  const auto events = events_of(site.post(kPath, fields(true)).body);
  EXPECT_EQ(
      events.chunks.front().at("prompt_token_ids"),
      whole.at("prompt_token_ids"));
  json::array streamed;
  for (const auto& chunk : events.chunks) {
    if (const auto* ids = choice_of(chunk).if_contains("token_ids")) {
      const auto& version = choice_of(chunk).at("weight_versions").at(0);
      EXPECT_EQ(version.at(0).as_int64(), int64_t(streamed.size()));
      streamed.insert(
          streamed.end(), ids->as_array().begin(), ids->as_array().end());
      EXPECT_EQ(version.at(1).as_int64(), int64_t(streamed.size()));
    }
  }
  EXPECT_EQ(streamed, expected);
}

TEST(Chat, ScoresThePromptWhenAsked) {
  Site site;
  const auto body = object_of(site.post(
      kPath, chat_body({{"prompt_logprobs", 0}, {"return_token_ids", true}})));
  const auto& scores = body.at("prompt_logprobs").as_array();
  const auto& ids = body.at("prompt_token_ids").as_array();
  ASSERT_EQ(scores.size(), ids.size());
  EXPECT_TRUE(scores[0].is_null());
  for (size_t at = 1; at < ids.size(); ++at) {
    const auto id = std::to_string(ids[at].as_int64());
    EXPECT_EQ(
        keys_of(scores[at].at(id)), (Keys{"logprob", "rank", "decoded_token"}));
  }
  const auto events = events_of(
      site.post(kPath, chat_body({{"prompt_logprobs", 0}, {"stream", true}}))
          .body);
  EXPECT_EQ(
      events.chunks.front().at("prompt_logprobs"), body.at("prompt_logprobs"));
}

TEST(Chat, ReturnsTimingsMetadataAndTier) {
  Site site;
  const auto body = object_of(site.post(
      kPath, chat_body(
                 {{"return_timings", true},
                  {"metadata", {{"k", "v"}}},
                  {"service_tier", "flex"}})));
  EXPECT_EQ(
      keys_of(body.at("timings")),
      (Keys{
          "queue_ms", "prefill_ms", "ttft_ms", "decode_ms", "total_ms",
          "preemptions", "draft_tokens", "accepted_tokens"}));
  EXPECT_EQ(json::serialize(body.at("metadata")), R"({"k":"v"})");
  EXPECT_EQ(body.at("service_tier"), "flex");
  const auto plain = object_of(site.post(kPath, chat_body()));
  EXPECT_EQ(plain.at("service_tier"), "default");
}

TEST(Chat, NamesFieldsWithoutEffectInAHeader) {
  Site site;
  const auto answer =
      site.post(kPath, chat_body({{"user", "me"}, {"verbosity", "low"}}));
  EXPECT_EQ(answer.status, 200);
  const auto inert = answer.header("x-parallm-inert");
  EXPECT_TRUE(inert == "user,verbosity" || inert == "verbosity,user") << inert;
}

std::string failure_of(const Answer& answer) {
  const auto body = object_of(answer);
  const auto& error = body.at("error");
  return std::to_string(answer.status) + " " + string_of(error.at("type")) +
         " " + json::serialize(error.at("code")) + " " +
         json::serialize(error.at("param"));
}

TEST(Chat, RefusesWhatCannotRun) {
  SiteSettings settings;
  settings.limits.kv_capacity_tokens = 200;
  settings.limits.max_choices = 4;
  Site site(settings);
  const auto refusal = [&](json::object more) {
    return failure_of(site.post(kPath, chat_body(std::move(more))));
  };
  const auto words = [](int count) {
    return json::array{
        {{"role", "user"}, {"content", std::string(size_t(count), 'x')}}};
  };
  EXPECT_EQ(
      refusal({{"model", "other"}}),
      R"(404 invalid_request_error "model_not_found" "model")");
  EXPECT_EQ(
      refusal({{"messages", words(2000)}}),
      R"(400 invalid_request_error "context_length_exceeded" "messages")");
  EXPECT_EQ(
      refusal({{"max_tokens", 240}}),
      R"(400 invalid_request_error "kv_capacity_exceeded" "messages")");
  EXPECT_EQ(
      refusal({{"n", 5}}), R"(400 invalid_request_error "invalid_value" "n")");
  EXPECT_EQ(
      failure_of(site.post(kPath, std::string("{"))),
      R"(400 invalid_request_error "invalid_json" null)");
  EXPECT_EQ(site.post(kPath, chat_body()).status, 200);
}

TEST(Chat, RefusesBoundsBeyondTheContextWhenStrict) {
  SiteSettings settings;
  settings.limits.strict_max_tokens = true;
  Site strict(settings);
  Site lenient;
  const auto body = chat_body({{"max_tokens", kContext}});
  EXPECT_EQ(
      failure_of(strict.post(kPath, body)),
      R"(400 invalid_request_error "context_length_exceeded" "max_tokens")");
  EXPECT_EQ(lenient.post(kPath, body).status, 200);
}

TEST(Chat, NeedsATemplate) {
  SiteSettings settings;
  settings.has_template = false;
  Site site(settings);
  EXPECT_EQ(
      failure_of(site.post(kPath, chat_body())),
      R"(400 invalid_request_error "chat_template_error" "messages")");
}

TEST(Chat, TakesTemplatesFromRequestsOnlyWhenAllowed) {
  SiteSettings settings;
  settings.limits.allow_request_template = true;
  Site site(settings);
  const auto answer = [&](const std::string& source) {
    return site.post(kPath, chat_body({{"chat_template", source}}));
  };
  EXPECT_EQ(answer("{{ messages[0].content }}").status, 200);
  EXPECT_EQ(
      failure_of(answer("{{ raise_exception('no') }}")),
      R"(400 invalid_request_error "chat_template_error" "messages")");
  EXPECT_EQ(
      failure_of(answer("{% if %}")),
      R"(400 invalid_request_error "chat_template_error" "chat_template")");
}

TEST(Chat, JudgesFieldsByTheTemplateOfTheRequest) {
  SiteSettings settings;
  settings.limits.allow_request_template = true;
  Site site(settings);
  const auto inert_of = [&](json::object more) {
    more["reasoning_effort"] = "low";
    more["verbosity"] = "high";
    const auto answer = site.post(kPath, chat_body(std::move(more)));
    EXPECT_EQ(answer.status, 200) << answer.body;
    return answer.header("x-parallm-inert");
  };
  const std::string both = "{{ reasoning_effort }}{{ verbosity }}";
  EXPECT_EQ(inert_of({}), "reasoning_effort,verbosity");
  EXPECT_EQ(inert_of({{"chat_template", both}}), "");
  EXPECT_EQ(
      inert_of({{"chat_template", "{{ verbosity }}"}}), "reasoning_effort");
  EXPECT_EQ(
      inert_of(
          {{"chat_template", both},
           {"chat_template_kwargs", {{"verbosity", "low"}}}}),
      "verbosity");
}

TEST(Chat, NamesTemplateVariablesThatNobodyReads) {
  SiteSettings settings;
  settings.limits.allow_request_template = true;
  Site site(settings);
  const auto inert_of = [&](const std::string& path, json::object more) {
    more["chat_template_kwargs"] = {{"enable_thinking", false}};
    const auto answer = site.post(path, chat_body(std::move(more)));
    EXPECT_EQ(answer.status, 200) << answer.body;
    return answer.header("x-parallm-inert");
  };
  const std::string unread = "chat_template_kwargs.enable_thinking";
  EXPECT_EQ(inert_of(kPath, {}), unread);
  EXPECT_EQ(inert_of("/tokenize", {}), unread);
  EXPECT_EQ(
      inert_of(
          kPath, {{"chat_template", "{{ enable_thinking and 'a' or 'b' }}"}}),
      "");
}

TEST(Chat, ShowsLittleOfWhatATemplateComplainsAbout) {
  SiteSettings settings;
  settings.limits.allow_request_template = true;
  Site site(settings);
  const auto answer = site.post(
      kPath,
      chat_body(
          {{"messages",
            {{{"role", "user"}, {"content", std::string(9999, 'x')}}}},
           {"chat_template", "{{ raise_exception(messages[0].content) }}"}}));
  EXPECT_EQ(answer.status, 400);
  EXPECT_LT(answer.body.size(), 1000u);
}

TEST(Chat, AnswersToAliases) {
  SiteSettings settings;
  settings.aliases = {"gpt-4"};
  Site site(settings);
  const auto body =
      object_of(site.post(kPath, chat_body({{"model", "gpt-4"}})));
  EXPECT_EQ(body.at("model"), "gpt-4");
}

TEST(Chat, AnswersAnEngineFailureWith500) {
  SiteSettings settings;
  settings.failing_step = 4;
  Site site(settings);
  EXPECT_EQ(
      failure_of(site.post(kPath, chat_body())),
      R"(500 server_error "engine_error" null)");
  EXPECT_EQ(site.post(kPath, chat_body({{"max_tokens", 2}})).status, 200);
}

TEST(Chat, EndsAFailedStreamWithAnErrorAndCloses) {
  SiteSettings settings;
  settings.failing_step = 4;
  Site site(settings);
  auto client = site.connect();
  const auto body = json::serialize(chat_body({{"stream", true}}));
  client.send(http::testing::post(kPath, body));
  const auto answer = client.read_answer();
  EXPECT_EQ(answer.status, 200);
  const auto events = events_of(answer.body);
  EXPECT_FALSE(events.done);
  EXPECT_EQ(events.chunks.back().at("error").at("code"), "engine_error");
  EXPECT_TRUE(client.at_end());
}

TEST(Chat, TimesOutBeforeTheFirstTokenWith408) {
  Site site;
  site.brake.hold();
  const auto answer = site.post(kPath, chat_body({{"timeout", 0.02}}));
  EXPECT_EQ(failure_of(answer), R"(408 timeout_error "request_timeout" null)");
  const auto stream =
      site.post(kPath, chat_body({{"timeout", 0.02}, {"stream", true}}));
  const auto events = events_of(stream.body);
  EXPECT_FALSE(events.done);
  EXPECT_EQ(events.chunks.back().at("error").at("code"), "request_timeout");
}

TEST(Chat, GivesWhatThereIsWhenTheDeadlinePassesLater) {
  Site site;
  site.brake.hold();
  site.brake.allow(4);
  const auto body = object_of(site.post(kPath, chat_body({{"timeout", 0.2}})));
  const auto& choice = body.at("choices").at(0);
  EXPECT_EQ(choice.at("finish_reason"), "length");
  EXPECT_EQ(choice.at("stop_reason"), "timeout");
  EXPECT_TRUE(kStory.starts_with(whole_text(body)));
  EXPECT_GT(body.at("usage").at("completion_tokens").as_int64(), 0);
}

TEST(Chat, KeepsSilentStreamsAlive) {
  SiteSettings settings;
  settings.limits.sse_keepalive = std::chrono::milliseconds(5);
  Site site(settings);
  site.brake.hold();
  auto client = site.connect();
  const auto body = json::serialize(chat_body({{"stream", true}}));
  client.send(http::testing::post(kPath, body));
  const auto head = client.read_head(); // while nothing has been computed
  EXPECT_EQ(head.status, 200);
  EXPECT_TRUE(
      client.read_until(": keep-alive\n\n").ends_with(": keep-alive\n\n"));
  site.brake.release();
  EXPECT_TRUE(client.read_until("[DONE]").ends_with("[DONE]"));
}

TEST(Chat, CancelsWhenTheClientGoes) {
  Site site;
  site.brake.hold();
  for (const bool stream : {false, true}) {
    auto client = site.connect();
    const auto body = json::serialize(chat_body({{"stream", stream}}));
    client.send(http::testing::post(kPath, body));
    for (int tries = 0; site.active_jobs() == 0 && tries < 1'000'000; ++tries) {
      std::this_thread::yield();
    }
    client.close();
  }
  site.brake.release();
  for (int tries = 0; site.active_jobs() > 0 && tries < 10'000'000; ++tries) {
    std::this_thread::yield();
  }
  EXPECT_EQ(site.active_jobs(), 0);
}

TEST(Chat, TellsWhenTheQueueIsFull) {
  SiteSettings settings;
  settings.delivery.max_queue = 0;
  Site site(settings);
  const auto answer = site.post(kPath, chat_body({{"stream", true}}));
  EXPECT_EQ(failure_of(answer), R"(429 rate_limit_error "queue_full" null)");
  EXPECT_GE(std::stoi(answer.header("retry-after")), 1);
}

TEST(Chat, TellsWhenItDrains) {
  Site site;
  site.drain();
  const auto answer = site.post(kPath, chat_body());
  EXPECT_EQ(failure_of(answer), R"(503 server_error "draining" null)");
  EXPECT_NE(answer.header("retry-after"), "");
}

TEST(Chat, SpellsSpecialTokensOfClientsAsText) {
  Site site;
  const auto count_of = [&](const std::string& content, TokenId id) {
    const auto body = object_of(site.post(
        "/tokenize",
        json::object{
            {"model", "tiny-chat"},
            {"messages", {{{"role", "user"}, {"content", content}}}}}));
    int count = 0;
    for (const auto& token : body.at("tokens").as_array()) {
      count += token.as_int64() == id ? 1 : 0;
    }
    return count;
  };
  const auto end = *tiny_tokenizer()->id_of("<|im_end|>");
  EXPECT_EQ(count_of("hi", end), 1);
  EXPECT_EQ(count_of("hi <|im_end|>", end), 1);
}

TEST(Chat, ContinuesTheFinalMessage) {
  Site site;
  const auto prompt_of = [&](json::object more) {
    json::object body{
        {"model", "tiny-chat"},
        {"messages",
         {{{"role", "developer"}, {"content", "be brief"}},
          {{"role", "assistant"}, {"content", "Sure, "}}}}};
    for (auto& member : more) {
      body[member.key()] = member.value();
    }
    return string_of(object_of(site.post("/tokenize", body)).at("prompt"));
  };
  const std::string head = "<|bos|><|im_start|>system\nbe brief<|im_end|>\n";
  EXPECT_EQ(
      prompt_of({}), head + "<|im_start|>assistant\nSure, <|im_end|>\n" +
                         "<|im_start|>assistant\n");
  EXPECT_EQ(
      prompt_of({{"add_generation_prompt", false}}),
      head + "<|im_start|>assistant\nSure, <|im_end|>\n");
  EXPECT_EQ(
      prompt_of({{"continue_final_message", true}}),
      head + "<|im_start|>assistant\nSure, ");
}

TEST(Chat, CutsThePromptToItsLastTokens) {
  Site site;
  const auto ids_of = [&](json::object more) {
    more["return_token_ids"] = true;
    const auto body = object_of(site.post(kPath, chat_body(std::move(more))));
    return body.at("prompt_token_ids").as_array();
  };
  const auto all = ids_of({});
  const auto cut = ids_of({{"truncate_prompt_tokens", 3}});
  EXPECT_EQ(cut, json::array(all.end() - 3, all.end()));
  // The second is more text than any prompt of this context has.
  for (const size_t characters : {2'000, 100'000}) {
    const std::string longer(characters, 'x');
    const auto fit = ids_of(
        {{"truncate_prompt_tokens", -1},
         {"messages", {{{"role", "user"}, {"content", longer}}}}});
    EXPECT_EQ(fit.size(), size_t(kContext - 1));
  }
}

} // namespace
} // namespace parallm::testing
