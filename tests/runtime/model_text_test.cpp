#include "runtime/model_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cmath>
#include <iterator>
#include <map>
#include <sstream>

#include "base/check.h"
#include "nn/gguf/gguf_tokenizer.h"
#include "runtime/runtime.h"
#include "tests/http/client.h"
#include "tests/support/temporary_folder.h"
#include "tests/text/shared_data.h"

namespace parallm {
namespace {

namespace json = boost::json;
using http::testing::Client;
using test::shared;
using testing::HasSubstr;

const std::string kChat = PARALLM_TEST_DATA "/tiny-chat";
const std::string kChatFile = PARALLM_TEST_DATA "/gguf/tiny-chat.gguf";
constexpr EncodeOptions kPlain{.add_special_tokens = false};

// What a converter makes of a tokenizer.json.
class Converted {
 public:
  Converted(const std::string& folder, const std::string& model)
      : source_(test::read_json(folder + "/tokenizer.json")) {
    const auto& vocabulary = source_.at("model").at("vocab").as_object();
    for (const auto& [piece, id] : vocabulary) {
      set(id.as_int64(), piece, kind_of(piece));
    }
    for (const auto& added : source_.at("added_tokens").as_array()) {
      set(added.at("id").as_int64(), test::text_of(added.at("content")),
          added.at("special").as_bool() ? 3 : 4);
    }
    file_.metadata["tokenizer.ggml.tokens"] = pieces_;
    file_.metadata["tokenizer.ggml.token_type"] = kinds_;
    file_.metadata["tokenizer.ggml.model"] = model;
  }

  GgufFile with_merges(const std::string& pre) {
    std::vector<std::string> merges;
    for (const auto& [left, right] : pairs()) {
      merges.push_back(left + " " + right);
    }
    file_.metadata["tokenizer.ggml.merges"] = merges;
    file_.metadata["tokenizer.ggml.pre"] = pre;
    file_.metadata["tokenizer.ggml.add_bos_token"] = false;
    return file_;
  }

  // As sentencepiece has them: what is joined earlier has a higher one.
  GgufFile with_scores() {
    std::map<std::string, double> ranks;
    for (const auto& [left, right] : pairs()) {
      ranks.emplace(left + right, -static_cast<double>(ranks.size()));
    }
    std::vector<double> scores;
    for (const auto& piece : pieces_) {
      const auto found = ranks.find(piece);
      scores.push_back(found == ranks.end() ? 0 : found->second);
    }
    file_.metadata["tokenizer.ggml.scores"] = scores;
    file_.metadata["tokenizer.ggml.unknown_token_id"] = int64_t{0};
    file_.metadata["tokenizer.ggml.bos_token_id"] = int64_t{1};
    return file_;
  }

 private:
  std::vector<std::pair<std::string, std::string>> pairs() const {
    std::vector<std::pair<std::string, std::string>> all;
    for (const auto& merge : source_.at("model").at("merges").as_array()) {
      if (merge.is_array()) {
        all.emplace_back(
            test::text_of(merge.at(0)), test::text_of(merge.at(1)));
        continue;
      }
      const std::string line = test::text_of(merge);
      const size_t blank = line.find(' ');
      all.emplace_back(line.substr(0, blank), line.substr(blank + 1));
    }
    return all;
  }
  static int64_t kind_of(std::string_view piece) {
    return piece.starts_with("<0x") && piece.size() == 6 ? 6 : 1;
  }
  void set(int64_t id, std::string_view piece, int64_t kind) {
    while (static_cast<int64_t>(pieces_.size()) <= id) {
      pieces_.push_back("[PAD" + std::to_string(pieces_.size()) + "]");
      kinds_.push_back(5);
    }
    pieces_[id] = piece;
    kinds_[id] = kind;
  }

  json::value source_;
  GgufFile file_{.path = "x.gguf"};
  std::vector<std::string> pieces_{};
  std::vector<int64_t> kinds_{};
};

std::shared_ptr<const Tokenizer> tokenizer_of(const GgufFile& file) {
  const auto made = gguf_tokenizer(file);
  return Tokenizer::parse("x.gguf", made.json, made.named);
}

std::string golden(const std::string& name) {
  return shared("goldens/tokens/ggml-vocab-" + name + ".gguf");
}

std::vector<std::string> golden_inputs(const std::string& name) {
  return test::split(
      test::read_text(golden(name) + ".inp"), "\n__ggml_vocab_test__\n");
}

// Texts and the ids that the format's own tokenizer gives.
void expect_goldens(const GgufFile& file, const std::string& name) {
  const auto inputs = golden_inputs(name);
  const auto outputs =
      test::split(test::read_text(golden(name) + ".out"), "\n");
  const auto tokenizer = tokenizer_of(file);
  ASSERT_EQ(inputs.size(), outputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const auto ids = test::numbers(outputs[i]);
    EXPECT_EQ(tokenizer->encode(inputs[i], kPlain), ids)
        << name << ": " << inputs[i];
    EXPECT_EQ(tokenizer->decode(ids, false), inputs[i]) << name;
  }
}

TEST(GgufTokenizer, GivesTheIdsOfTheFormatsOwnForLlama3) {
  SKIP_WITHOUT_SHARED("goldens/tokens");
  expect_goldens(
      Converted(shared("tokenizers/llama3.2"), "gpt2").with_merges("llama-bpe"),
      "llama-bpe");
}

TEST(GgufTokenizer, GivesTheIdsOfTheFormatsOwnForQwen2) {
  SKIP_WITHOUT_SHARED("goldens/tokens");
  expect_goldens(
      Converted(shared("tokenizers/qwen2.5"), "gpt2").with_merges("qwen2"),
      "qwen2");
}

TEST(GgufTokenizer, GivesTheIdsOfItsFolderForSmolLm) {
  SKIP_WITHOUT_SHARED("goldens/tokens");
  const auto folder = Tokenizer::load(shared("tokenizers/smollm"));
  const auto ours = tokenizer_of(
      Converted(shared("tokenizers/smollm"), "gpt2").with_merges("smollm"));
  for (const auto& text : golden_inputs("gpt-2")) {
    EXPECT_EQ(ours->encode(text, kPlain), folder->encode(text, kPlain)) << text;
  }
}

TEST(GgufTokenizer, GivesTheIdsOfTheFormatsOwnForPieces) {
  SKIP_WITHOUT_SHARED("goldens/tokens");
  expect_goldens(
      Converted(shared("tokenizers/llama2"), "llama").with_scores(),
      "llama-spm");
}

TEST(GgufTokenizer, KnowsSpecialTokensAndWhatIsPutAroundATextOfItsOwn) {
  SKIP_WITHOUT_SHARED("tokenizers/llama2");
  const auto tokenizer = tokenizer_of(
      Converted(shared("tokenizers/llama2"), "llama").with_scores());
  const auto folder = Tokenizer::load(shared("tokenizers/llama2"));
  for (const char* text : {"once upon", " two  blanks", "\u2603!"}) {
    EXPECT_EQ(tokenizer->encode(text, {}), folder->encode(text, {})) << text;
  }
  // As the format's own: a text after a special token has its blank again.
  EXPECT_EQ(tokenizer->encode("</s>a", kPlain), (std::vector<TokenId>{2, 263}));
  EXPECT_TRUE(tokenizer->is_special(2));
  EXPECT_EQ(tokenizer->bos(), 1);
}

// A byte-level vocabulary of single characters, and two words of them.
GgufFile letters() {
  GgufFile file{.path = "x.gguf"};
  file.metadata = {
      {"tokenizer.ggml.model", "gpt2"},
      {"tokenizer.ggml.tokens",
       std::vector<std::string>{"a", "b", "1", "!", "!a", "11"}},
      {"tokenizer.ggml.merges", std::vector<std::string>{"! a", "1 1"}}};
  return file;
}

// Each names the cut by what it keeps apart.
TEST(GgufTokenizer, CutsWordsAsTheFileSays) {
  const auto ids = [](const std::string& key, const char* name) {
    auto file = letters();
    file.metadata[key] = name;
    file.metadata["tokenizer.ggml.add_bos_token"] = false;
    return tokenizer_of(file)->encode("!a1111", kPlain);
  };
  const std::string pre = "tokenizer.ggml.pre", model = "general.architecture";
  using Ids = std::vector<TokenId>;
  EXPECT_EQ(ids(pre, "llama-bpe"), (Ids{4, 5, 2, 2})); // 111 1
  EXPECT_EQ(ids(pre, "llama-v3"), (Ids{4, 5, 2, 2}));
  EXPECT_EQ(ids(pre, "deepseek-r1-qwen"), (Ids{4, 2, 2, 2, 2}));
  EXPECT_EQ(ids(pre, "gpt-2"), (Ids{3, 0, 5, 5}));
  EXPECT_EQ(ids(pre, "default"), (Ids{3, 0, 5, 2, 2}));
  // Files from before the key.
  EXPECT_EQ(ids(model, "qwen2"), (Ids{4, 2, 2, 2, 2}));
  EXPECT_EQ(ids(model, "llama"), (Ids{3, 0, 5, 2, 2}));
}

TEST(GgufTokenizer, HasNoPaddingWhereTheFileNamesOneBeyondTheVocabulary) {
  auto file = letters();
  file.metadata["tokenizer.ggml.padding_token_id"] = int64_t{4294967295};
  EXPECT_TRUE(gguf_tokenizer(file).named.empty());
  file.metadata["tokenizer.ggml.padding_token_id"] = int64_t{1};
  EXPECT_EQ(gguf_tokenizer(file).named.size(), 1u);
}

// Each is made of all the shorter ones, in as many ways as it is long.
void add_runs_of(char letter, size_t most, std::vector<std::string>& pieces) {
  for (size_t length = 1; length <= most; ++length) {
    pieces.emplace_back(length, letter);
  }
}

std::string json_of_pieces(const std::vector<std::string>& pieces) {
  GgufFile file{.path = "x.gguf"};
  file.metadata = {
      {"tokenizer.ggml.model", "llama"},
      {"tokenizer.ggml.add_bos_token", false},
      {"tokenizer.ggml.tokens", pieces},
      {"tokenizer.ggml.scores", std::vector<double>(pieces.size())}};
  return gguf_tokenizer(file).json;
}

TEST(GgufTokenizer, RefusesPiecesThatAreMadeOfEachOtherWithoutEnd) {
  std::vector<std::string> pieces;
  add_runs_of('a', 30, pieces);
  const size_t once = json_of_pieces(pieces).size();
  add_runs_of('a', 30, pieces); // equal ones count once
  EXPECT_EQ(json_of_pieces(pieces).size(), once);
  for (char letter = 'b'; letter <= 'm'; ++letter) {
    add_runs_of(letter, 256, pieces);
  }
  try {
    json_of_pieces(pieces);
    FAIL() << "made";
  } catch (const StartError& error) {
    EXPECT_THAT(
        error.what(),
        HasSubstr("x.gguf: tokenizer.ggml.tokens are made of each other"));
  }
}

std::string complaint(const std::string& key, const GgufValue& value) {
  auto file = letters();
  file.metadata[key] = value;
  try {
    gguf_tokenizer(file);
  } catch (const StartError& error) {
    return error.what();
  }
  return "nothing";
}

TEST(GgufTokenizer, RefusesByNameWhatItDoesNotKnow) {
  EXPECT_THAT(
      complaint("tokenizer.ggml.model", "rwkv"),
      HasSubstr("x.gguf: tokenizer.ggml.model is rwkv, expected gpt2 or"));
  EXPECT_THAT(
      complaint("tokenizer.ggml.pre", "deepseek-llm"),
      HasSubstr("tokenizer.ggml.pre is deepseek-llm, expected one of llama-"));
  EXPECT_THAT(
      complaint("tokenizer.ggml.token_type", std::vector<int64_t>{1}),
      HasSubstr("token_type has 1 items, expected 6"));
  EXPECT_THAT(
      complaint("tokenizer.ggml.scores", std::vector<double>(6, NAN)),
      HasSubstr("tokenizer.ggml.scores has an item nan, expected numbers"));
  EXPECT_THAT(
      complaint("tokenizer.ggml.bos_token_id", int64_t{6}),
      HasSubstr("bos_token_id is 6, expected 0 to 5"));
  EXPECT_THAT(
      complaint("tokenizer.ggml.add_bos_token", true),
      HasSubstr("bos_token_id is missing"));
}

TEST(ModelText, OfAFileIsThatOfItsFolder) {
  const auto folder = load_tokenizer(kChat), file = load_tokenizer(kChatFile);
  for (const char* text :
       {"once upon a time", "<|im_start|>user", "  it's 1234\n\n", "\u2603"}) {
    EXPECT_EQ(file->encode(text, {}), folder->encode(text, {})) << text;
  }
  EXPECT_EQ(file->vocab(), folder->vocab());
  EXPECT_EQ(file->bos(), folder->bos());
  EXPECT_EQ(file->eos(), folder->eos());
  constexpr const char* kMessages =
      R"({"messages":[{"role":"user","content":"hello"}],)"
      R"("add_generation_prompt":true})";
  ModelSettings model;
  model.path = kChat;
  const auto wanted = load_template(model, *folder)->render(kMessages);
  model.path = kChatFile;
  const auto ours = load_template(model, *file)->render(kMessages);
  ASSERT_TRUE(ours && wanted);
  EXPECT_EQ(ours.value(), wanted.value());
}

std::string complaint_about(const std::string& path) {
  try {
    load_tokenizer(path);
  } catch (const StartError& error) {
    EXPECT_EQ(error.exit_code, kExitNotFound);
    return error.what();
  }
  return "accepted";
}

TEST(ModelText, SaysWhatAPathShouldLeadTo) {
  EXPECT_THAT(
      complaint_about("nowhere"),
      HasSubstr(
          "nowhere: not a folder; expected the folder of an MLX checkpoint"));
  EXPECT_THAT(
      complaint_about(PARALLM_TEST_DATA),
      HasSubstr("no tokenizer.json in it; expected the folder of an MLX "
                "checkpoint; of the folders in it these look like models: "
                "tiny-chat"));
}

TEST(ModelText, SaysHowToMakeATokenizerOfPiecesAlone) {
  const test::TemporaryFolder folder;
  folder.write("tokenizer.model", "");
  EXPECT_THAT(
      complaint_about(folder.path().string()),
      HasSubstr("no tokenizer.json in it, and tokenizer.model alone is not "
                "read; AutoTokenizer"));
}

// A text that the server made of the model at a path.
std::string answer_of(const std::string& path) {
  ServerConfig config;
  config.model.path = path;
  config.model.aliases = {"it"};
  config.network.port = 0;
  Runtime runtime(config);
  runtime.wait_loaded();
  Client client = Client::to_port(runtime.port());
  client.send(http::testing::post(
      "/v1/chat/completions",
      R"({"model":"it","messages":[{"role":"user","content":"a story"}],)"
      R"("max_tokens":24,"temperature":0})"));
  const auto answer = client.read_answer();
  EXPECT_EQ(answer.status, 200) << answer.body;
  const auto body = json::parse(answer.body);
  return test::text_of(body.at("choices").at(0).at("message").at("content"));
}

TEST(ModelText, AnswersFromAFileAsFromItsFolder) {
  EXPECT_EQ(answer_of(kChatFile), answer_of(kChat));
}

} // namespace
} // namespace parallm
