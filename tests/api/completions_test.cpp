#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/api/site.h"

// POST /v1/completions through sockets, delivery and engine.
namespace parallm::testing {
namespace {

constexpr auto kPath = "/v1/completions";

json::array choices_of(const Answer& answer) {
  EXPECT_EQ(answer.status, 200) << answer.body;
  return object_of(answer).at("choices").as_array();
}

std::string text_of(const json::value& choice) {
  return string_of(choice.at("text"));
}

size_t size_of(const json::value& logprobs, std::string_view member) {
  return logprobs.at(member).as_array().size();
}

TEST(Completions, AnswersWhole) {
  Site site;
  const auto answer = site.post(kPath, completion_body({{"max_tokens", 100}}));
  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto body = object_of(answer);
  EXPECT_TRUE(string_of(body.at("id")).starts_with("cmpl-"));
  EXPECT_EQ(body.at("object"), "text_completion");
  EXPECT_EQ(text_of(body.at("choices").at(0)), kStory);
  EXPECT_TRUE(body.at("choices").at(0).at("logprobs").is_null());
}

TEST(Completions, AreSixteenTokensLongByDefault) {
  Site site;
  const auto body = object_of(site.post(kPath, completion_body()));
  EXPECT_EQ(body.at("usage").at("completion_tokens").as_int64(), 16);
  EXPECT_EQ(body.at("choices").at(0).at("finish_reason"), "length");
}

TEST(Completions, NumbersChoicesPromptByPrompt) {
  Site site;
  const auto fields = [](bool stream) {
    return completion_body(
        {{"prompt", {"a", "b"}},
         {"n", 2},
         {"stream", stream},
         {"max_tokens", 40}});
  };
  const auto whole = choices_of(site.post(kPath, fields(false)));
  ASSERT_EQ(whole.size(), 4u);
  std::map<int64_t, std::string> texts;
  const auto events = events_of(site.post(kPath, fields(true)).body);
  EXPECT_TRUE(events.done);
  for (const auto& chunk : events.chunks) {
    const auto& choice = chunk.at("choices").at(0);
    texts[choice.at("index").as_int64()] += text_of(choice);
  }
  for (int64_t index = 0; index < 4; ++index) {
    EXPECT_EQ(whole[size_t(index)].at("index").as_int64(), index);
    EXPECT_EQ(texts.at(index), text_of(whole[size_t(index)]));
  }
  EXPECT_EQ(texts.at(0), texts.at(2));
  EXPECT_NE(texts.at(0), texts.at(1));
}

TEST(Completions, ListsLogprobsInArraysOfEqualLength) {
  Site site;
  const auto choices = choices_of(site.post(
      kPath, completion_body({{"logprobs", 2}, {"max_tokens", 100}})));
  const auto& logprobs = choices[0].at("logprobs");
  const auto count = size_of(logprobs, "tokens");
  EXPECT_EQ(count, site.story_tokens() + 1); // the end token as well
  EXPECT_EQ(size_of(logprobs, "token_logprobs"), count);
  EXPECT_EQ(size_of(logprobs, "top_logprobs"), count);
  EXPECT_EQ(size_of(logprobs, "text_offset"), count);
  const std::u32string_view whole = U"It's a \"small\" world;\n5 € 😀 \\ end.";
  EXPECT_EQ(
      logprobs.at("text_offset").as_array().back().as_int64(),
      int64_t(whole.size()));
}

TEST(Completions, NamesTokensThatAreNotWholeCharacters) {
  Site site;
  const auto choices = choices_of(site.post(
      kPath, completion_body({{"logprobs", 0}, {"max_tokens", 100}})));
  int broken = 0;
  for (const auto& token : choices[0].at("logprobs").at("tokens").as_array()) {
    broken += string_of(token).starts_with("bytes:\\x") ? 1 : 0;
  }
  EXPECT_GE(broken, 2); // the emoji has at least two tokens
  for (const auto& top :
       choices[0].at("logprobs").at("top_logprobs").as_array()) {
    EXPECT_EQ(top.as_object().size(), 1u);
  }
}

// The arrays of all chunks, joined.
std::map<std::string, json::array> joined_logprobs(const Events& events) {
  std::map<std::string, json::array> joined;
  for (const auto& chunk : events.chunks) {
    const auto& logprobs = chunk.at("choices").at(0).at("logprobs");
    if (logprobs.is_null()) {
      continue;
    }
    for (const auto& member : logprobs.as_object()) {
      auto& list = joined[std::string(member.key())];
      const auto& more = member.value().as_array();
      list.insert(list.end(), more.begin(), more.end());
    }
  }
  return joined;
}

// The JSON objects of a stream, read as the client got it: between the lines
// of chunked encoding.
Events raw_events(const std::string& bytes) {
  Events events;
  size_t at = bytes.find("data: {");
  while (at != std::string::npos) {
    const auto begin = at + 6;
    const auto end = bytes.find("\n\n", begin);
    events.chunks.push_back(
        json::parse(bytes.substr(begin, end - begin)).as_object());
    at = bytes.find("data: {", end);
  }
  return events;
}

// The first token is " the", whose blank is shown while the rest may still
// become the stop string "then".
void expect_same_logprobs(SiteSettings settings) {
  Site site(std::move(settings));
  const auto fields = [](bool stream) {
    return completion_body(
        {{"logprobs", 0}, {"stop", "then"}, {"stream", stream}});
  };
  const auto whole = choices_of(site.post(kPath, fields(false)));
  const auto& logprobs = whole[0].at("logprobs").as_object();
  ASSERT_EQ(logprobs.at("tokens").at(0), " the");

  site.brake.hold();
  auto client = site.connect();
  client.send(http::testing::post(kPath, json::serialize(fields(true))));
  site.brake.allow(1);
  const auto begun = client.read_until(R"("text":" ")");
  ASSERT_TRUE(begun.ends_with(R"("text":" ")"));
  site.brake.release();
  const auto joined =
      joined_logprobs(raw_events(begun + client.read_until("[DONE]")));
  for (const auto& member : logprobs) {
    EXPECT_EQ(joined.at(std::string(member.key())), member.value().as_array())
        << member.key();
  }
}

TEST(Completions, ListTheSameLogprobsInStreamsThatHoldTextBack) {
  expect_same_logprobs({.story = " the end"});
}

TEST(Completions, ListTheSameLogprobsWhereAStopCutsTheFirstToken) {
  const auto pieces = std::string(PARALLM_TEST_DATA) + "/tokenizers/pieces";
  expect_same_logprobs(
      {.story = "then",
       .tokenizer = Tokenizer::load(pieces),
       .has_template = false});
}

TEST(Completions, EchoesThePromptWithItsScores) {
  Site site;
  const auto fields = [](bool stream) {
    return completion_body(
        {{"echo", true},
         {"logprobs", 1},
         {"max_tokens", 100},
         {"stream", stream}});
  };
  const auto choices = choices_of(site.post(kPath, fields(false)));
  const std::string expected = "Once" + std::string(kStory);
  EXPECT_EQ(text_of(choices[0]), expected);
  const auto& logprobs = choices[0].at("logprobs").as_object();
  EXPECT_TRUE(logprobs.at("token_logprobs").at(0).is_null());
  EXPECT_TRUE(logprobs.at("top_logprobs").at(0).is_null());
  EXPECT_FALSE(logprobs.at("token_logprobs").at(1).is_null());
  EXPECT_EQ(logprobs.at("tokens").at(0), "<|bos|>");
  EXPECT_EQ(logprobs.at("text_offset").at(1).as_int64(), 0);

  const auto events = events_of(site.post(kPath, fields(true)).body);
  std::string streamed;
  for (const auto& chunk : events.chunks) {
    streamed += text_of(chunk.at("choices").at(0));
  }
  EXPECT_EQ(streamed, expected);
  const auto joined = joined_logprobs(events);
  for (const auto& member : logprobs) {
    EXPECT_EQ(joined.at(std::string(member.key())), member.value().as_array())
        << member.key();
  }
}

TEST(Completions, ScoresAPromptWithoutGenerating) {
  Site site;
  const auto answer = site.post(
      kPath,
      completion_body({{"echo", true}, {"logprobs", 0}, {"max_tokens", 0}}));
  const auto choices = choices_of(answer);
  EXPECT_EQ(text_of(choices[0]), "Once");
  EXPECT_EQ(choices[0].at("finish_reason"), "length");
  const auto body = object_of(answer);
  EXPECT_EQ(body.at("usage").at("completion_tokens").as_int64(), 0);
  EXPECT_EQ(
      int64_t(size_of(choices[0].at("logprobs"), "tokens")),
      body.at("usage").at("prompt_tokens").as_int64());
}

TEST(Completions, ShowsTheBestOfMoreCandidates) {
  Site site;
  const auto answer = site.post(
      kPath, completion_body({{"best_of", 4}, {"n", 2}, {"max_tokens", 5}}));
  const auto choices = choices_of(answer);
  ASSERT_EQ(choices.size(), 2u);
  EXPECT_EQ(choices[1].at("index").as_int64(), 1);
  EXPECT_TRUE(choices[0].at("logprobs").is_null());
  EXPECT_EQ(
      object_of(answer).at("usage").at("completion_tokens").as_int64(), 20);
}

TEST(Completions, TakesTokenIdsAndShowsThemInEachChoice) {
  Site site;
  const auto choices = choices_of(site.post(
      kPath, completion_body(
                 {{"prompt", {{5, 6}, {7}}}, {"return_token_ids", true}})));
  ASSERT_EQ(choices.size(), 2u);
  EXPECT_EQ(json::serialize(choices[0].at("prompt_token_ids")), "[5,6]");
  EXPECT_EQ(json::serialize(choices[1].at("prompt_token_ids")), "[7]");
}

TEST(Completions, BeginsAnEmptyPromptWithBos) {
  Site site;
  for (const json::value& prompt :
       {json::value(""), json::value(json::array{json::array{}})}) {
    const auto body =
        object_of(site.post(kPath, completion_body({{"prompt", prompt}})));
    EXPECT_EQ(body.at("usage").at("prompt_tokens").as_int64(), 1);
  }
}

TEST(Completions, NamesThePromptThatIsTooLong) {
  Site site;
  const auto answer = site.post(
      kPath, completion_body({{"prompt", {"a", std::string(2000, 'x')}}}));
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(object_of(answer).at("error").at("param"), "prompt[1]");
}

TEST(Completions, ShowsSpecialTokensWhenAsked) {
  SiteSettings settings;
  settings.story = "a<|im_start|>b";
  Site site(settings);
  const auto text = [&](bool skip) {
    const auto body =
        completion_body({{"skip_special_tokens", skip}, {"max_tokens", 3}});
    return text_of(choices_of(site.post(kPath, body))[0]);
  };
  EXPECT_EQ(text(true), "ab");
  EXPECT_EQ(text(false), "a<|im_start|>b");
}

TEST(Completions, RefuseTextWhoseTokensTheModelLacks) {
  const auto ids = tiny_tokenizer()->encode("Once", {});
  const int largest = *std::max_element(ids.begin(), ids.end());
  Site site({.vocab = largest});
  const auto answer = site.post(kPath, completion_body());
  EXPECT_EQ(answer.status, 400);
  const auto error = object_of(answer).at("error");
  EXPECT_EQ(error.at("code"), "invalid_value");
  EXPECT_EQ(error.at("param"), "prompt");
}

TEST(Completions, RefuseAnAnswerThatMemoryCannotGather) {
  Site site({.limits = {.max_job_bytes = 100'000}});
  const auto body = [](bool stream, int n) {
    return completion_body(
        {{"logprobs", 5}, {"max_tokens", 40}, {"n", n}, {"stream", stream}});
  };
  EXPECT_EQ(site.post(kPath, body(false, 1)).status, 200);
  EXPECT_EQ(site.post(kPath, body(true, 8)).status, 200);
  const auto answer = site.post(kPath, body(false, 8));
  EXPECT_EQ(answer.status, 400);
  const auto error = object_of(answer).at("error");
  EXPECT_EQ(error.at("param"), "n");
}

TEST(Completions, RefuseATextThatNoContextHoldsBeforeEncodingIt) {
  Site site;
  const size_t limit =
      4 * size_t{kContext} * tiny_tokenizer()->longest_token_bytes();
  const auto answer = site.post(
      kPath, completion_body({{"prompt", std::string(limit + 1, 'a')}}));
  EXPECT_EQ(answer.status, 400);
  const auto error = object_of(answer).at("error");
  EXPECT_EQ(error.at("code"), "context_length_exceeded");
  EXPECT_NE(string_of(error.at("message")).find("bytes"), std::string::npos);
}

TEST(Completions, CutTheFrontOfATextThatIsTruncatedAnyway) {
  Site site;
  const auto answer = site.post(
      kPath, completion_body(
                 {{"prompt", std::string(100'000, 'x') + " once"},
                  {"truncate_prompt_tokens", 2},
                  {"return_token_ids", true}}));
  const auto choices = choices_of(answer);
  const auto whole = tiny_tokenizer()->encode("x once", {});
  const auto& ids = choices[0].at("prompt_token_ids").as_array();
  ASSERT_EQ(ids.size(), 2u);
  EXPECT_EQ(ids[0].as_int64(), whole[whole.size() - 2]);
  EXPECT_EQ(ids[1].as_int64(), whole.back());
}

TEST(Completions, NameWhatMakesTooManyChoices) {
  Site site({.limits = {.max_choices = 4}});
  const auto refusal = [&](json::object more) {
    const auto answer = site.post(kPath, completion_body(std::move(more)));
    EXPECT_EQ(answer.status, 400);
    const auto error = object_of(answer).at("error").as_object();
    return string_of(error.at("param")) + " " + string_of(error.at("message"));
  };
  EXPECT_EQ(refusal({{"n", 5}}), "n 'n': got 5, expected at most 4");
  EXPECT_EQ(
      refusal({{"best_of", 5}}),
      "best_of 'best_of': got 5, expected at most 4");
  EXPECT_EQ(
      refusal({{"prompt", {"a", "b", "c", "d", "e"}}}),
      "prompt 'prompt': got 5 prompts, expected at most 4 choices in all");
  EXPECT_EQ(
      refusal({{"prompt", {"a", "b", "c"}}, {"n", 2}}),
      "prompt 'prompt': got 3 prompts of 2 choices each, expected at most 4 "
      "choices in all");
}

TEST(Completions, SayThatNothingIsPutAroundTokenIds) {
  Site site;
  const auto inert_of = [&](json::value prompt, bool special) {
    const auto answer = site.post(
        kPath,
        completion_body(
            {{"prompt", std::move(prompt)}, {"add_special_tokens", special}}));
    EXPECT_EQ(answer.status, 200) << answer.body;
    return answer.header("x-parallm-inert");
  };
  EXPECT_EQ(inert_of(json::array{5, 6}, true), "add_special_tokens");
  EXPECT_EQ(inert_of(json::array{5, 6}, false), "");
  EXPECT_EQ(inert_of("text", true), "");
}

} // namespace
} // namespace parallm::testing
