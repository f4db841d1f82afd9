#include "nn/gguf/gguf_merges.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace parallm {
namespace {

// Longer tokens are not made of others: what is tried out would grow with the
// square.
constexpr size_t kMostPieceBytes = 256;

// Of all merges: far above any vocabulary, whose merges take 20 MB at most.
constexpr size_t kMostMergeBytes = 64'000'000;

struct Merge {
  double score;
  int64_t left;
  int64_t right;
};

// A place between two characters of UTF-8.
bool is_border(std::string_view text, size_t at) {
  return (static_cast<uint8_t>(text[at]) & 0xc0) != 0x80;
}

class Merges {
 public:
  explicit Merges(const GgufVocabulary& vocabulary) : vocabulary_(vocabulary) {
    for (int64_t id = 0; id < vocabulary.size(); ++id) {
      ids_.emplace(vocabulary.piece(id), id);
    }
  }

  std::vector<Merge> take() {
    for (int64_t id = 0; id < vocabulary_.size(); ++id) {
      const std::string_view piece = vocabulary_.piece(id);
      if (vocabulary_.kind(id) == GgufToken::kNormal &&
          piece.size() <= kMostPieceBytes && find(piece) == id) {
        add(id, piece);
      }
    }
    std::ranges::sort(merges_, {}, [](const Merge& merge) {
      return std::tuple(-merge.score, merge.left, merge.right);
    });
    return std::move(merges_);
  }

 private:
  // The first of equal ones; -1: none.
  int64_t find(std::string_view piece) const {
    const auto found = ids_.find(piece);
    return found == ids_.end() ? -1 : found->second;
  }

  void add(int64_t id, std::string_view piece) {
    for (size_t at = 1; at < piece.size(); ++at) {
      if (!is_border(piece, at)) {
        continue;
      }
      const int64_t left = find(piece.substr(0, at));
      const int64_t right = left < 0 ? -1 : find(piece.substr(at));
      if (right >= 0) {
        merges_.push_back({vocabulary_.score(id), left, right});
        count(piece.size() + sizeof(Merge));
      }
    }
  }

  void count(size_t bytes) {
    bytes_ += bytes;
    if (bytes_ > kMostMergeBytes) {
      vocabulary_.keys().refuse(
          "tokenizer.ggml.tokens",
          fmt::format(
              "are made of each other in too many ways, expected at most {} "
              "bytes of them",
              kMostMergeBytes));
    }
  }

  const GgufVocabulary& vocabulary_;
  std::unordered_map<std::string_view, int64_t> ids_{};
  std::vector<Merge> merges_{};
  size_t bytes_ = 0;
};

} // namespace

std::vector<std::string> merges_by_score(const GgufVocabulary& vocabulary) {
  std::vector<std::string> lines;
  for (const auto& [score, left, right] : Merges(vocabulary).take()) {
    lines.push_back(vocabulary.piece(left) + " " + vocabulary.piece(right));
  }
  return lines;
}

} // namespace parallm
