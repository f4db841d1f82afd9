#include "nn/gguf/gguf_tokenizer.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "nn/gguf/gguf_cut.h"
#include "nn/gguf/gguf_keys.h"
#include "nn/gguf/gguf_merges.h"
#include "nn/gguf/gguf_vocabulary.h"

namespace parallm {
namespace {

namespace json = boost::json;

constexpr const char* kSpace = "\u2581"; // stands for a blank in pieces

json::object vocabulary_json(const GgufVocabulary& vocabulary) {
  json::object ids;
  ids.reserve(static_cast<size_t>(vocabulary.size()));
  for (int64_t id = 0; id < vocabulary.size(); ++id) {
    ids.emplace(vocabulary.piece(id), id);
  }
  return ids;
}

json::array merges_json(const std::vector<std::string>& merges) {
  return json::array(merges.begin(), merges.end());
}

json::array added_tokens(const GgufVocabulary& vocabulary) {
  json::array added;
  for (int64_t id = 0; id < vocabulary.size(); ++id) {
    const GgufToken kind = vocabulary.kind(id);
    const bool special =
        kind == GgufToken::kControl || kind == GgufToken::kUnknown;
    if (special || kind == GgufToken::kUserDefined) {
      added.push_back(json::object{
          {"id", id},
          {"content", vocabulary.piece(id)},
          {"single_word", false},
          {"lstrip", false},
          {"rstrip", false},
          {"normalized", false},
          {"special", special}});
    }
  }
  return added;
}

json::object replace_json(const char* from, const char* to) {
  return {
      {"type", "Replace"},
      {"pattern", json::object{{"String", from}}},
      {"content", to}};
}

json::object sequence_json(const char* key, const json::array& steps) {
  return {{"type", "Sequence"}, {key, steps}};
}

// What is put around a text: the template of one, and the tokens it names.
class Frame {
 public:
  Frame(const GgufKeys& keys, const GgufVocabulary& vocabulary)
      : keys_(keys), vocabulary_(vocabulary) {}

  json::value make(bool adds_bos) {
    if (keys_.flag_or("tokenizer.ggml.add_bos_token", adds_bos)) {
      add("bos");
    }
    pieces_.push_back(
        json::object{{"Sequence", json::object{{"id", "A"}, {"type_id", 0}}}});
    if (keys_.flag_or("tokenizer.ggml.add_eos_token", false)) {
      add("eos");
    }
    if (tokens_.empty()) {
      return nullptr;
    }
    return json::object{
        {"type", "TemplateProcessing"},
        {"single", pieces_},
        {"pair", pair()},
        {"special_tokens", tokens_}};
  }

 private:
  void add(const char* role) {
    const auto id = vocabulary_.role(role);
    if (!id) {
      keys_.refuse(
          fmt::format("tokenizer.ggml.{}_token_id", role),
          fmt::format("is missing, as add_{}_token is true", role));
    }
    const std::string& piece = vocabulary_.piece(*id);
    pieces_.push_back(json::object{
        {"SpecialToken", json::object{{"id", piece}, {"type_id", 0}}}});
    tokens_[piece] = json::object{
        {"id", piece},
        {"ids", json::array{*id}},
        {"tokens", json::array{piece}}};
  }

  // Asked for by the format, used by nobody.
  static json::array pair() {
    json::array both;
    for (const char* id : {"A", "B"}) {
      both.push_back(
          json::object{{"Sequence", json::object{{"id", id}, {"type_id", 0}}}});
    }
    return both;
  }

  const GgufKeys& keys_;
  const GgufVocabulary& vocabulary_;
  json::array pieces_{};
  json::object tokens_{};
};

json::object split_json(const char* pattern) {
  return {
      {"type", "Split"},
      {"pattern", json::object{{"Regex", pattern}}},
      {"behavior", "Isolated"},
      {"invert", false}};
}

json::object bytes_json() {
  return {
      {"type", "ByteLevel"},
      {"add_prefix_space", false},
      {"trim_offsets", false},
      {"use_regex", false}};
}

json::object cut_json(const GgufCut& cut) {
  json::array steps;
  for (const char* pattern : cut.patterns) {
    steps.push_back(split_json(pattern));
  }
  steps.push_back(bytes_json());
  return sequence_json("pretokenizers", steps);
}

// Byte-level BPE, as of GPT-2.
json::object byte_level_json(
    const GgufKeys& keys, const GgufVocabulary& vocabulary) {
  const GgufCut& cut = gguf_cut(keys);
  const json::object normalizer{{"type", "NFC"}};
  return {
      {"normalizer", cut.composed ? json::value(normalizer) : nullptr},
      {"pre_tokenizer", cut_json(cut)},
      {"post_processor", Frame(keys, vocabulary).make(cut.adds_bos)},
      {"decoder", bytes_json()},
      {"model",
       json::object{
           {"type", "BPE"},
           {"fuse_unk", false},
           {"byte_fallback", false},
           {"ignore_merges", cut.whole},
           {"vocab", vocabulary_json(vocabulary)},
           {"merges", merges_json(keys.texts("tokenizer.ggml.merges"))}}}};
}

json::value pieces_normalizer(bool prefix) {
  const auto blanks = replace_json(" ", kSpace);
  if (!prefix) {
    return blanks;
  }
  const json::object prepend{{"type", "Prepend"}, {"prepend", kSpace}};
  return sequence_json("normalizers", {prepend, blanks});
}

json::object pieces_decoder(bool prefix) {
  json::array steps{
      replace_json(kSpace, " "), json::object{{"type", "ByteFallback"}},
      json::object{{"type", "Fuse"}}};
  if (prefix) {
    steps.push_back(json::object{
        {"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  }
  return sequence_json("decoders", steps);
}

json::object pieces_model(
    const GgufKeys& keys, const GgufVocabulary& vocabulary) {
  if (!vocabulary.has_scores()) {
    keys.refuse("tokenizer.ggml.scores", "is missing, expected one a token");
  }
  const auto unknown = vocabulary.role("unknown");
  return {
      {"type", "BPE"},
      {"unk_token",
       unknown ? json::value(vocabulary.piece(*unknown)) : nullptr},
      {"fuse_unk", true},
      {"byte_fallback", true},
      {"vocab", vocabulary_json(vocabulary)},
      {"merges", merges_json(merges_by_score(vocabulary))}};
}

// Pieces of text that are joined by their scores, as of Llama 2.
json::object pieces_json(
    const GgufKeys& keys, const GgufVocabulary& vocabulary) {
  const bool prefix = keys.flag_or("tokenizer.ggml.add_space_prefix", true);
  return {
      {"normalizer", pieces_normalizer(prefix)},
      {"pre_tokenizer", nullptr},
      {"post_processor", Frame(keys, vocabulary).make(true)},
      {"decoder", pieces_decoder(prefix)},
      {"model", pieces_model(keys, vocabulary)}};
}

json::object tokenizer_json(
    const GgufKeys& keys, const GgufVocabulary& vocabulary) {
  const std::string key = "tokenizer.ggml.model";
  const auto& model = keys.text(key);
  if (model != "gpt2" && model != "llama") {
    keys.refuse(key, fmt::format("is {}, expected gpt2 or llama", model));
  }
  json::object made = model == "gpt2" ? byte_level_json(keys, vocabulary)
                                      : pieces_json(keys, vocabulary);
  made["version"] = "1.0";
  made["added_tokens"] = added_tokens(vocabulary);
  return made;
}

} // namespace

GgufTokenizer gguf_tokenizer(const GgufFile& file) {
  constexpr std::pair<const char*, const char*> kRoles[] = {
      {"bos", "bos_token"},
      {"eos", "eos_token"},
      {"unknown", "unk_token"},
      {"padding", "pad_token"}};
  const GgufKeys keys(file);
  const GgufVocabulary vocabulary(keys);
  GgufTokenizer made{.json = json::serialize(tokenizer_json(keys, vocabulary))};
  for (const auto& [role, name] : kRoles) {
    if (const auto id = vocabulary.role(role)) {
      made.named.emplace_back(name, vocabulary.piece(*id));
    }
  }
  return made;
}

} // namespace parallm
