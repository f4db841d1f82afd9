#include "text/tokenizer.h"

#include <algorithm>

#include <array>
#include <filesystem>

#include "base/check.h"
#include "base/lfs_pointer.h"
#include "text/bridge_call.h"
#include "text/detokenizer.h"
#include "text/json_file.h"

namespace parallm {

namespace {

constexpr std::array kNames{"bos_token", "eos_token", "unk_token", "sep_token",
                            "pad_token", "cls_token", "mask_token"};

struct FreeTokenizer {
  void operator()(plb_tokenizer* it) const { plb_tokenizer_free(it); }
};
using Handle = std::unique_ptr<plb_tokenizer, FreeTokenizer>;

// One string for each id, in one piece of memory.
class Column {
 public:
  Column(const plb_tokenizer& tokenizer, uint32_t which) {
    plb_column raw{};
    bridge::Bytes error;
    const auto code =
        plb_tokenizer_column(&tokenizer, which, &raw, error.out());
    PARALLM_CHECK(code == PLB_OK, "vocabulary: {}", error.view());
    bridge::Bytes joined;
    bridge::Ids ends;
    *joined.out() = raw.joined;
    *ends.out() = raw.ends;
    joined_ = joined.text();
    ends_.push_back(0);
    ends_.insert(ends_.end(), ends.begin(), ends.end());
  }

  int size() const { return static_cast<int>(ends_.size()) - 1; }
  std::string_view operator[](TokenId id) const {
    if (id < 0 || id >= size()) {
      return {};
    }
    return std::string_view(joined_).substr(
        ends_[id], ends_[id + 1] - ends_[id]);
  }

 private:
  std::string joined_{};
  std::vector<uint32_t> ends_{}; // cell i is [ends[i], ends[i + 1])
};

Handle parse_tokenizer(const std::string& path, std::string_view json) {
  plb_tokenizer* made = nullptr;
  bridge::Bytes error;
  if (plb_tokenizer_new(bridge::data(json), json.size(), &made, error.out())) {
    throw StartError(kExitBadData, fmt::format("{}: {}", path, error.view()));
  }
  return Handle(made);
}

Handle read_tokenizer(const std::string& path) {
  const auto json = read_file(path);
  if (!json) {
    throw StartError(kExitNotFound, fmt::format("{}: no such file", path));
  }
  if (is_lfs_pointer(*json)) {
    throw StartError(kExitBadData, fmt::format("{}: {}", path, kLfsPointer));
  }
  return parse_tokenizer(path, *json);
}

// "bos_token": "<s>" or {"content": "<s>", ...}
std::optional<std::string> token_text(
    const std::optional<JsonFile>& file, const std::string& name) {
  if (!file) {
    return std::nullopt;
  }
  const auto plain = file->string("/" + name);
  return plain ? plain : file->string("/" + name + "/content");
}

using Named = std::vector<std::pair<std::string, std::string>>;

Named read_names(const std::string& folder) {
  const auto config = JsonFile::read(folder + "/tokenizer_config.json");
  const auto map = JsonFile::read(folder + "/special_tokens_map.json");
  Named named;
  for (const std::string name : kNames) {
    auto text = token_text(config, name);
    if (!text) {
      text = token_text(map, name);
    }
    if (text) {
      named.emplace_back(name, std::move(*text));
    }
  }
  return named;
}

SpecialSpellings::Takes takes(uint8_t flags) {
  using enum SpecialSpellings::Takes;
  const bool left = flags & PLB_TAKES_LEFT;
  const bool right = flags & PLB_TAKES_RIGHT;
  return left ? (right ? kBoth : kLeft) : (right ? kRight : kNone);
}

} // namespace

struct Tokenizer::State {
  explicit State(Handle tokenizer)
      : handle(std::move(tokenizer)),
        pieces(*handle, PLB_PIECES),
        middle(*handle, PLB_MIDDLE),
        first(*handle, PLB_FIRST),
        special(pieces.size()),
        exact(plb_tokenizer_is_exact(handle.get()) != 0) {
    const Column flags(*handle, PLB_FLAGS);
    for (TokenId id = 0; id < flags.size(); ++id) {
      const auto bits = flags[id].empty() ? 0 : uint8_t(flags[id][0]);
      if (bits & PLB_IS_SPECIAL) {
        special[id] = true;
        specials.add(pieces[id], id, takes(bits));
      }
      longest = std::max(longest, middle[id].size());
    }
  }

  Handle handle;
  Column pieces;
  Column middle;
  Column first;
  std::vector<bool> special; // by id
  bool exact;                // `middle` is all there is to decoding
  size_t longest = 1;        // bytes of a token
  SpecialSpellings specials{};
  Named named{};
  std::optional<TokenId> bos{};
  std::optional<TokenId> eos{};
  bool restarts = true;
};

namespace {

std::optional<TokenId> named_id(
    const Tokenizer& tokenizer, std::string_view name) {
  for (const auto& [key, text] : tokenizer.named()) {
    if (key == name) {
      return tokenizer.id_of(text);
    }
  }
  return std::nullopt;
}

// Tried out: is "<s>a" the token <s> and then what "a" alone gives?
bool tries_restart(const Tokenizer& tokenizer) {
  if (tokenizer.specials().empty()) {
    return true;
  }
  const TokenId special = tokenizer.specials().any();
  const EncodeOptions plain{.add_special_tokens = false};
  auto alone = tokenizer.encode("a", plain);
  alone.insert(alone.begin(), special);
  const std::string both = std::string(tokenizer.piece(special)) + "a";
  return tokenizer.encode(both, plain) == alone;
}

} // namespace

std::shared_ptr<const Tokenizer> Tokenizer::load(const std::string& folder) {
  auto state =
      std::make_unique<State>(read_tokenizer(folder + "/tokenizer.json"));
  state->named = read_names(folder);
  return make(std::move(state));
}

std::shared_ptr<const Tokenizer> Tokenizer::parse(
    const std::string& file, std::string_view json, Named named) {
  auto state = std::make_unique<State>(parse_tokenizer(file, json));
  state->named = std::move(named);
  return make(std::move(state));
}

std::shared_ptr<const Tokenizer> Tokenizer::make(std::unique_ptr<State> state) {
  State& filled = *state;
  std::shared_ptr<const Tokenizer> made(new Tokenizer(std::move(state)));
  filled.bos = named_id(*made, "bos_token");
  filled.eos = named_id(*made, "eos_token");
  filled.restarts = tries_restart(*made);
  return made;
}

Tokenizer::Tokenizer(std::unique_ptr<State> state) : state_(std::move(state)) {
}

Tokenizer::~Tokenizer() = default;

std::vector<TokenId> Tokenizer::encode(
    std::string_view text, EncodeOptions options) const {
  const uint32_t flags =
      (options.add_special_tokens ? uint32_t(PLB_ADD_SPECIAL) : 0u) |
      (options.parse_special ? uint32_t(PLB_PARSE_SPECIAL) : 0u);
  bridge::Ids ids;
  bridge::Bytes error;
  const auto code = plb_tokenizer_encode(
      state_->handle.get(), bridge::data(text), text.size(), flags, ids.out(),
      error.out());
  PARALLM_CHECK(code == PLB_OK, "encode: {}", error.view());
  return {ids.begin(), ids.end()};
}

// Encoded after a line break, which is taken off again. A text that grows
// together with it is encoded alone.
std::vector<TokenId> Tokenizer::encode_continued(
    std::string_view text, EncodeOptions options) const {
  options.add_special_tokens = false;
  const auto line = encode("\n", options);
  auto ids = encode("\n" + std::string(text), options);
  if (ids.size() < line.size() ||
      !std::equal(line.begin(), line.end(), ids.begin())) {
    return encode(text, options);
  }
  ids.erase(ids.begin(), ids.begin() + std::ptrdiff_t(line.size()));
  return ids;
}

std::string Tokenizer::decode(
    std::span<const TokenId> ids, bool skip_special) const {
  std::string text;
  if (state_->exact) {
    Detokenizer detokenizer(*this, skip_special);
    for (const TokenId id : ids) {
      detokenizer.push(id, text);
    }
    detokenizer.finish(text);
    return text;
  }
  const std::vector<uint32_t> raw(ids.begin(), ids.end());
  bridge::Bytes out;
  bridge::Bytes error;
  const auto code = plb_tokenizer_decode(
      state_->handle.get(), raw.data(), raw.size(), skip_special, out.out(),
      error.out());
  PARALLM_CHECK(code == PLB_OK, "decode: {}", error.view());
  return out.text();
}

int Tokenizer::vocab() const {
  return state_->pieces.size();
}

size_t Tokenizer::longest_token_bytes() const {
  return state_->longest;
}

bool Tokenizer::is_special(TokenId id) const {
  return id >= 0 && id < vocab() && state_->special[id];
}

std::string_view Tokenizer::bytes(TokenId id) const {
  return state_->middle[id];
}

std::string_view Tokenizer::bytes_at_start(TokenId id) const {
  return state_->first[id];
}

std::string_view Tokenizer::piece(TokenId id) const {
  return state_->pieces[id];
}

std::optional<TokenId> Tokenizer::id_of(std::string_view piece) const {
  uint32_t id = 0;
  bridge::Bytes error;
  const auto code = plb_tokenizer_id(
      state_->handle.get(), bridge::data(piece), piece.size(), &id,
      error.out());
  return code == PLB_OK ? std::optional(TokenId(id)) : std::nullopt;
}

std::optional<TokenId> Tokenizer::bos() const {
  return state_->bos;
}

std::optional<TokenId> Tokenizer::eos() const {
  return state_->eos;
}

const Named& Tokenizer::named() const {
  return state_->named;
}

const SpecialSpellings& Tokenizer::specials() const {
  return state_->specials;
}

bool Tokenizer::restarts_after_special() const {
  return state_->restarts;
}

} // namespace parallm
