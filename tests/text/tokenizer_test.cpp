#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include "base/check.h"
#include "tests/support/temporary_folder.h"

namespace parallm {
namespace {

const std::string kByteLevel = PARALLM_TEST_DATA "/tiny-chat";
const std::string kPieces = PARALLM_TEST_DATA "/tokenizers/pieces";

std::vector<TokenId> ids_of(
    const Tokenizer& tokenizer, std::vector<std::string> pieces) {
  std::vector<TokenId> ids;
  for (const auto& piece : pieces) {
    ids.push_back(tokenizer.id_of(piece).value_or(kNoToken));
  }
  return ids;
}

TEST(Tokenizer, EncodesWithAndWithoutWhatTheModelAdds) {
  const auto tokenizer = Tokenizer::load(kPieces);
  EXPECT_EQ(
      tokenizer->encode("the and", {}),
      ids_of(*tokenizer, {"<s>", "▁the", "▁and"}));
  EXPECT_EQ(
      tokenizer->encode("the and", {.add_special_tokens = false}),
      ids_of(*tokenizer, {"▁the", "▁and"}));
}

TEST(Tokenizer, EncodesAsInsideALongerText) {
  const auto pieces = Tokenizer::load(kPieces);
  EXPECT_EQ(
      pieces->encode_continued("the and", {}),
      ids_of(*pieces, {"the", "▁and"}));
  EXPECT_EQ(pieces->encode_continued(" the", {}), ids_of(*pieces, {"▁the"}));
  EXPECT_EQ(pieces->encode_continued("</s>", {}), ids_of(*pieces, {"</s>"}));
  EXPECT_EQ(pieces->encode_continued("", {}), std::vector<TokenId>{});
  const auto bytes = Tokenizer::load(kByteLevel);
  EXPECT_EQ(bytes->encode_continued(" the", {}), ids_of(*bytes, {"Ġthe"}));
  EXPECT_EQ(bytes->encode_continued("\n", {}), ids_of(*bytes, {"Ċ"}));
}

TEST(Tokenizer, ReadsSpelledSpecialTokensOnlyIfAsked) {
  const auto tokenizer = Tokenizer::load(kPieces);
  EXPECT_EQ(
      tokenizer->encode("</s>", {.add_special_tokens = false}),
      ids_of(*tokenizer, {"</s>"}));
  EXPECT_EQ(
      tokenizer->encode(
          "</s>", {.add_special_tokens = false, .parse_special = false}),
      ids_of(*tokenizer, {"▁", "<", "/", "s", ">"}));
}

TEST(Tokenizer, FallsBackToBytes) {
  const auto tokenizer = Tokenizer::load(kPieces);
  EXPECT_EQ(
      tokenizer->encode("🦙", {.add_special_tokens = false}),
      ids_of(*tokenizer, {"▁", "<0xF0>", "<0x9F>", "<0xA6>", "<0x99>"}));
}

TEST(Tokenizer, KnowsTheBytesOfPieces) {
  const auto tokenizer = Tokenizer::load(kPieces);
  const auto id = [&](const char* piece) { return *tokenizer->id_of(piece); };
  EXPECT_EQ(tokenizer->bytes(id("▁the")), " the");
  EXPECT_EQ(tokenizer->bytes_at_start(id("▁the")), "the");
  EXPECT_EQ(tokenizer->bytes(id("th")), "th");
  EXPECT_EQ(tokenizer->bytes(id("<0xF0>")), "\xF0");
  EXPECT_EQ(tokenizer->bytes(id("</s>")), "</s>");
  EXPECT_EQ(tokenizer->piece(id("▁the")), "▁the");
}

TEST(Tokenizer, KnowsTheBytesOfByteLevelTokens) {
  const auto tokenizer = Tokenizer::load(kByteLevel);
  const auto id = [&](const char* piece) { return *tokenizer->id_of(piece); };
  EXPECT_EQ(tokenizer->bytes(id("Ġthe")), " the");
  EXPECT_EQ(tokenizer->bytes_at_start(id("Ġthe")), " the");
  EXPECT_EQ(tokenizer->bytes(id("Ċ")), "\n");
  EXPECT_EQ(tokenizer->bytes(id("ð")), "\xF0");
  EXPECT_EQ(tokenizer->bytes(id("<|im_end|>")), "<|im_end|>");
}

TEST(Tokenizer, GivesNothingForIdsThatDoNotExist) {
  const auto tokenizer = Tokenizer::load(kPieces);
  for (const TokenId id : {-1, tokenizer->vocab(), 1 << 30}) {
    EXPECT_EQ(tokenizer->bytes(id), "");
    EXPECT_EQ(tokenizer->piece(id), "");
    EXPECT_FALSE(tokenizer->is_special(id));
  }
  const std::vector<TokenId> ids = {-1, 1 << 30};
  EXPECT_EQ(tokenizer->decode(ids, false), "");
  EXPECT_EQ(tokenizer->id_of("no such piece"), std::nullopt);
}

// tokenizer_config.json names BOS as {"content"} and comes first; EOS is only
// in special_tokens_map.json.
TEST(Tokenizer, ReadsNamedTokensFromBothCompanions) {
  const auto tokenizer = Tokenizer::load(kPieces);
  EXPECT_EQ(tokenizer->bos(), tokenizer->id_of("<s>"));
  EXPECT_EQ(tokenizer->eos(), tokenizer->id_of("</s>"));
  const std::vector<std::pair<std::string, std::string>> named = {
      {"bos_token", "<s>"}, {"eos_token", "</s>"}};
  EXPECT_EQ(tokenizer->named(), named);
}

TEST(Tokenizer, NeedsNoCompanions) {
  test::TemporaryFolder folder;
  std::filesystem::copy(
      kPieces + "/tokenizer.json", folder.path() / "tokenizer.json");
  const auto tokenizer = Tokenizer::load(folder.path());
  EXPECT_EQ(tokenizer->bos(), std::nullopt);
  EXPECT_EQ(tokenizer->eos(), std::nullopt);
}

TEST(Tokenizer, RepairsTextThatIsNotUtf8) {
  const auto tokenizer = Tokenizer::load(kPieces);
  EXPECT_EQ(tokenizer->encode("a\xFF", {}), tokenizer->encode("a\uFFFD", {}));
}

void expect_start_error(
    const test::TemporaryFolder& folder, int code, const std::string& name) {
  try {
    Tokenizer::load(folder.path());
    FAIL() << "loaded";
  } catch (const StartError& error) {
    EXPECT_EQ(error.exit_code, code) << error.what();
    EXPECT_NE(std::string(error.what()).find(name), std::string::npos);
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
  }
}

TEST(Tokenizer, NamesTheFileThatIsMissingOrBroken) {
  test::TemporaryFolder folder;
  expect_start_error(folder, kExitNotFound, "tokenizer.json");
  folder.write("tokenizer.json", "{\"version\": ");
  expect_start_error(folder, kExitBadData, "tokenizer.json");
  folder.write("tokenizer.json", "{}");
  expect_start_error(folder, kExitBadData, "tokenizer.json");
  folder.write("tokenizer.json", "version https://git-lfs.github.com/spec/v1");
  expect_start_error(folder, kExitBadData, "tokenizer.json: a pointer of Git");
  std::filesystem::copy_file(
      kPieces + "/tokenizer.json", folder.path() / "tokenizer.json",
      std::filesystem::copy_options::overwrite_existing);
  folder.write("tokenizer_config.json", "[");
  expect_start_error(folder, kExitBadData, "tokenizer_config.json");
}

} // namespace
} // namespace parallm
