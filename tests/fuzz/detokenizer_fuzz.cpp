// The detokenizer, fed with arbitrary ids and broken UTF-8, against all bytes
// repaired at once. Each token must show the characters that it completes, no
// more and no fewer; ids outside the vocabulary give nothing.
#include "text/detokenizer.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <limits>

#include "tests/fuzz/fuzz_target.h"
#include "text/bridge_call.h"
#include "text/json_file.h"

namespace parallm::fuzz {

namespace {

using Ids = std::vector<TokenId>;

// An input is bytes, each the token of that byte; after kEscape two bytes are
// an id, or one of those that no vocabulary has.
constexpr char kEscape = '\0';
constexpr uint32_t kOutside = 0xE000; // and above

void expect(bool truth) {
  if (!truth) {
    std::abort();
  }
}

std::string escaped(uint32_t id) {
  return {kEscape, static_cast<char>(id), static_cast<char>(id >> 8)};
}

// The tokenizers library's own decode(), which knows whole texts only.
class Library {
 public:
  explicit Library(const std::string& folder) {
    const auto json = read_file(folder + "/tokenizer.json");
    bridge::Bytes error;
    expect(json.has_value());
    expect(
        plb_tokenizer_new(
            bridge::data(*json), json->size(), &raw_, error.out()) == PLB_OK);
  }
  ~Library() { plb_tokenizer_free(raw_); }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  std::string decode(const Ids& ids, bool skip_special) const {
    const std::vector<uint32_t> raw(ids.begin(), ids.end());
    bridge::Bytes out;
    bridge::Bytes error;
    expect(
        plb_tokenizer_decode(
            raw_, raw.data(), raw.size(), skip_special, out.out(),
            error.out()) == PLB_OK);
    return out.text();
  }

 private:
  plb_tokenizer* raw_ = nullptr;
};

struct Vocabulary {
  explicit Vocabulary(const std::string& folder)
      : tokenizer(Tokenizer::load(folder)),
        library(folder),
        of_byte(256, kNoToken) {
    for (TokenId id = tokenizer->vocab() - 1; id >= 0; --id) {
      const auto bytes = tokenizer->bytes(id);
      if (bytes.size() == 1) {
        of_byte[static_cast<uint8_t>(bytes[0])] = id;
      }
    }
    expect(
        std::find(of_byte.begin(), of_byte.end(), kNoToken) == of_byte.end());
  }

  std::shared_ptr<const Tokenizer> tokenizer;
  Library library;
  Ids of_byte; // of several tokens the smallest id: the byte's own
};

const Vocabulary& byte_level() {
  static const Vocabulary kept(PARALLM_TEST_DATA "/tiny-chat");
  return kept;
}

const Vocabulary& pieces() {
  static const Vocabulary kept(PARALLM_TEST_DATA "/tokenizers/pieces");
  return kept;
}

} // namespace

std::vector<std::string> seeds() {
  std::vector<std::string> inputs = {
      "a \xF0\x9F\xA6\x99 \xE6\x97\xA5\xE6\x9C\xAC \xC3\xA9",
      "\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41",
      "\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41",
      "\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42",
      "\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41",
      "\xF0\x9F" + escaped(1) + "\xA6\x99 " + escaped(kOutside),
      "  " + escaped(2) + " the"};
  for (const Vocabulary* vocabulary : {&byte_level(), &pieces()}) {
    std::string input;
    for (const TokenId id :
         vocabulary->tokenizer->encode("  the \u00E9\u20AC and a boat\n", {})) {
      input += escaped(static_cast<uint32_t>(id));
    }
    inputs.push_back(std::move(input));
  }
  return inputs;
}

std::vector<std::string> tokens() {
  std::vector<std::string> words = {
      " ",
      "\xC3",
      "\xC3\xA9",
      "\xE0\x9F",
      "\xE2\x82",
      "\xE2\x82\xAC",
      "\xE2\x96\x81",
      "\xED\xA0\x80",
      "\xEF\xBF\xBD",
      "\xF0\x8F",
      "\xF0\x9F\xA6",
      "\xF0\x9F\xA6\x99",
      "\xF4\x90",
      "\xF5",
      "\xFF",
      "\x80"};
  for (uint32_t i = 0; i < 6; ++i) {
    words.push_back(escaped(i)); // the special tokens are among them
    words.push_back(escaped(kOutside + i));
    words.push_back(escaped(260 + 10 * i)); // longer ones
  }
  return words;
}

namespace {

TokenId outside(const Tokenizer& tokenizer, uint32_t which) {
  using Limits = std::numeric_limits<TokenId>;
  const TokenId ids[] = {kNoToken, tokenizer.vocab(), tokenizer.vocab() + 1,
                         1 << 30,  Limits::min(),     Limits::max()};
  return ids[which % std::size(ids)];
}

Ids read_ids(const Vocabulary& vocabulary, std::string_view input) {
  const auto byte = [&](size_t at) {
    return at < input.size() ? static_cast<uint8_t>(input[at]) : uint8_t{0};
  };
  const Tokenizer& tokenizer = *vocabulary.tokenizer;
  Ids ids;
  for (size_t at = 0; at < input.size(); ++at) {
    if (input[at] != kEscape) {
      ids.push_back(vocabulary.of_byte[byte(at)]);
      continue;
    }
    const uint32_t number = byte(at + 1) + 256u * byte(at + 2);
    const auto known = static_cast<TokenId>(number % tokenizer.vocab());
    ids.push_back(number < kOutside ? known : outside(tokenizer, number));
    at += 2;
  }
  return ids;
}

size_t character_bytes(char lead) {
  return std::max(1, std::countl_one(static_cast<uint8_t>(lead)));
}

// Can these bytes be the first of a character, or all? By the definition of
// UTF-8: six bits in each byte but the first, the shortest form, at most
// U+10FFFF, no surrogates.
bool begins_character(std::string_view bytes) {
  constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000}; // by bytes
  const auto lead = static_cast<uint8_t>(bytes[0]);
  const size_t size = character_bytes(bytes[0]);
  if (lead < 0x80) {
    return bytes.size() == 1;
  }
  if (lead < 0xC0 || size > 4 || bytes.size() > size) {
    return false;
  }
  uint32_t code = lead & (0x7Fu >> size);
  for (const char byte : bytes.substr(1)) {
    if ((byte & 0xC0) != 0x80) {
      return false;
    }
    code = code << 6 | (byte & 0x3F);
  }
  const size_t missing_bits = 6 * (size - bytes.size());
  const uint32_t least = code << missing_bits;
  const uint32_t most = least + (1u << missing_bits) - 1;
  const bool surrogates = least >= 0xD800 && most <= 0xDFFF;
  return most >= kSmallest[size] && least <= 0x10FFFF && !surrogates;
}

struct Character {
  std::string text{};
  bool broken = false;
  size_t shown_at = 0; // bytes that decide it
};

// The next byte decides that what could have become a character is none.
std::vector<Character> characters(std::string_view bytes) {
  std::vector<Character> all;
  for (size_t at = 0; at < bytes.size();) {
    const auto rest = bytes.substr(at);
    const bool hopeless = !begins_character(rest.substr(0, 1));
    size_t size = 1;
    while (size < rest.size() && begins_character(rest.substr(0, size + 1))) {
      ++size;
    }
    at += size;
    if (!hopeless && size == character_bytes(rest[0])) {
      all.push_back({std::string(rest.substr(0, size)), false, at});
    } else {
      all.push_back({"\xEF\xBF\xBD", true, hopeless ? at : at + 1});
    }
  }
  return all;
}

bool is_utf8(std::string_view text) {
  const auto all = characters(text);
  return std::none_of(
      all.begin(), all.end(), [](const Character& it) { return it.broken; });
}

// What each id adds to the text.
std::vector<std::string_view> bytes_of_ids(
    const Tokenizer& tokenizer, const Ids& ids, bool skip_special) {
  std::vector<std::string_view> all;
  bool started = false;
  for (const TokenId id : ids) {
    const bool known = id >= 0 && id < tokenizer.vocab();
    const bool skipped = skip_special && known && tokenizer.is_special(id);
    const bool gives = known && !skipped && !tokenizer.bytes(id).empty();
    all.push_back(
        !gives    ? std::string_view()
        : started ? tokenizer.bytes(id)
                  : tokenizer.bytes_at_start(id));
    started = started || gives;
  }
  return all;
}

std::string joined(const std::vector<std::string_view>& parts) {
  std::string bytes;
  for (const auto part : parts) {
    bytes += part;
  }
  return bytes;
}

// Appends the characters that `given_bytes` decide.
void show(
    const std::vector<Character>& all,
    size_t given_bytes,
    size_t& shown,
    std::string& text) {
  for (; shown < all.size() && all[shown].shown_at <= given_bytes; ++shown) {
    text += all[shown].text;
  }
}

// Token by token, each step compared.
std::string detokenize(
    const Tokenizer& tokenizer, const Ids& ids, bool skip_special) {
  const auto parts = bytes_of_ids(tokenizer, ids, skip_special);
  const auto all = characters(joined(parts));
  Detokenizer detokenizer(tokenizer, skip_special);
  std::string text;
  size_t given_bytes = 0;
  size_t shown = 0;
  const auto expect_delta = [&](size_t before) {
    const auto delta = std::string_view(text).substr(before);
    std::string wanted;
    show(all, given_bytes, shown, wanted);
    expect(delta == wanted && is_utf8(delta));
  };
  for (size_t i = 0; i < ids.size(); ++i) {
    const size_t before = text.size();
    detokenizer.push(ids[i], text);
    given_bytes += parts[i].size();
    expect(detokenizer.last_bytes() == static_cast<int>(parts[i].size()));
    expect_delta(before);
  }
  const size_t before = text.size();
  detokenizer.finish(text);
  ++given_bytes; // the end decides as one more byte would
  expect_delta(before);
  expect(shown == all.size());
  const size_t whole = text.size();
  detokenizer.finish(text);
  expect(text.size() == whole);
  return text;
}

// The library repairs a run of byte tokens as a whole, so that sentencepiece
// texts are compared where nothing needs repair.
void check(const Vocabulary& vocabulary, const Ids& ids, bool skip_special) {
  const Tokenizer& tokenizer = *vocabulary.tokenizer;
  const auto text = detokenize(tokenizer, ids, skip_special);
  expect(tokenizer.decode(ids, skip_special) == text);
  const auto bytes = joined(bytes_of_ids(tokenizer, ids, skip_special));
  if (&vocabulary == &byte_level() || is_utf8(bytes)) {
    expect(vocabulary.library.decode(ids, skip_special) == text);
  }
}

} // namespace
} // namespace parallm::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  using namespace parallm::fuzz;
  const std::string_view input(reinterpret_cast<const char*>(bytes), count);
  for (const Vocabulary* vocabulary : {&byte_level(), &pieces()}) {
    const Ids ids = read_ids(*vocabulary, input);
    check(*vocabulary, ids, true);
    check(*vocabulary, ids, false);
  }
  return 0;
}
