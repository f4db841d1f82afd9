#include "cli/bench/completion_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parallm::bench {
namespace {

using testing::ElementsAre;

const std::string kPiece = "data: {\"choices\": [{\"text\": \"a\"}]}\n\n";
const std::string kEnd = "data: [DONE]\n\n";

// Each part of the body comes a second after the one before it.
http::Answer answer_of(const std::vector<std::string>& parts) {
  http::Answer answer{.status = 200};
  for (const std::string& part : parts) {
    answer.body += part;
    answer.arrivals.push_back(
        {double(answer.arrivals.size() + 1), answer.body.size()});
  }
  return answer;
}

TEST(CompletionStream, APieceCameWhenItsLineEnded) {
  const CompletionStream stream = read_stream(answer_of(
      {kPiece.substr(0, 9), kPiece.substr(9), kPiece + kPiece, ": ping\n\n",
       kPiece.substr(0, kPiece.size() - 2), "\n", "\n", kEnd}));
  EXPECT_EQ(stream.error, "");
  EXPECT_THAT(stream.piece_times_s, ElementsAre(2, 3, 3, 6));
  EXPECT_EQ(stream.output_tokens(), 4);
}

TEST(CompletionStream, LinesMayEndWithACarriageReturn) {
  const CompletionStream stream = read_stream(answer_of(
      {"data:{\"choices\": [{\"text\": \"a\"}]}\r\n\r\n",
       "data: [DONE]\r\n\r\n"}));
  EXPECT_EQ(stream.error, "");
  EXPECT_THAT(stream.piece_times_s, ElementsAre(1));
}

TEST(CompletionStream, TokensAreAsTheServerCounts) {
  const CompletionStream stream = read_stream(answer_of(
      {kPiece,
       "data: {\"choices\": [], \"usage\": {\"prompt_tokens\": 7, "
       "\"completion_tokens\": 3}}\n\n",
       kEnd}));
  EXPECT_EQ(stream.prompt_tokens(), 7);
  EXPECT_EQ(stream.output_tokens(), 3);
}

TEST(CompletionStream, TextOfNoCharactersIsNoPiece) {
  const CompletionStream stream = read_stream(
      answer_of({"data: {\"choices\": [{\"text\": \"\"}]}\n\n", kEnd}));
  EXPECT_EQ(stream.error, "an answer without text");
}

TEST(CompletionStream, AnAnswerThatBreaksOffIsAnError) {
  EXPECT_EQ(
      read_stream(answer_of({kPiece, kPiece})).error,
      "the stream ended without [DONE]");
  http::Answer lost = answer_of({kPiece});
  lost.error = "connection reset";
  EXPECT_EQ(read_stream(lost).error, "connection reset");
}

TEST(CompletionStream, ARefusalIsInTheWordsOfTheServer) {
  http::Answer answer = answer_of({R"({"error": {"message": "too many"}})"});
  answer.status = 429;
  EXPECT_EQ(read_stream(answer).error, "429: too many");
  answer.body = "<html>gateway</html>";
  EXPECT_EQ(read_stream(answer).error, "429: <html>gateway</html>");
}

TEST(CompletionStream, WordsOfAServerAreShortAndWellFormed) {
  http::Answer answer = answer_of({"\xff" + std::string(1000, 'x')});
  answer.status = 500;
  EXPECT_EQ(
      read_stream(answer).error, "500: \xef\xbf\xbd" + std::string(299, 'x'));
}

TEST(CompletionStream, AnErrorOfNullIsNone) {
  const auto stream =
      read_stream(answer_of({kPiece, "data: {\"error\": null}\n\n", kEnd}));
  EXPECT_EQ(stream.error, "");
}

TEST(CompletionStream, AnErrorWithinTheStreamIsOne) {
  const auto stream = read_stream(answer_of(
      {kPiece, "data: {\"error\": {\"message\": \"out of luck\"}}\n\n", kEnd}));
  EXPECT_EQ(stream.error, "out of luck");
}

} // namespace
} // namespace parallm::bench
