#include <algorithm>
#include <array>

#include "text/chat_template.h"

// Client text that spells a special token travels through the template
// between two marks. The marks are Unicode noncharacters, which no text should
// hold; text that does is escaped, so that nothing is lost or forged.
namespace parallm {

namespace {

constexpr std::string_view kOpen = "\xEF\xB7\x90";   // U+FDD0
constexpr std::string_view kClose = "\xEF\xB7\x91";  // U+FDD1
constexpr std::string_view kEscape = "\xEF\xB7\x92"; // U+FDD2
constexpr std::string_view kMarkLead = "\xEF\xB7";
constexpr std::array kMarks{kOpen, kClose, kEscape};
constexpr size_t kMarkBytes = 3;
constexpr std::string_view kBlanks = " \t\n\v\f\r";

bool holds_mark(std::string_view text) {
  return std::any_of(kMarks.begin(), kMarks.end(), [&](auto mark) {
    return text.find(mark) != std::string_view::npos;
  });
}

// U+FDD0 -> U+FDD2 '0', and so on.
std::string escaped(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const auto here = text.substr(at, kMarkBytes);
    const auto mark = std::find(kMarks.begin(), kMarks.end(), here);
    if (mark == kMarks.end()) {
      out += text[at++];
      continue;
    }
    out += kEscape;
    out += char('0' + (mark - kMarks.begin()));
    at += kMarkBytes;
  }
  return out;
}

// Bytes [begin, end) of a text in which no special token is to be read.
struct Range {
  size_t begin = 0;
  size_t end = 0;
};

// A rendered prompt without its marks.
struct Prompt {
  std::string text{};
  std::vector<Range> guarded{}; // in order, apart
};

std::vector<Range> merged(std::vector<Range> ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const auto& a, const auto& b) {
    return a.begin < b.begin;
  });
  std::vector<Range> apart;
  for (const Range& range : ranges) {
    if (!apart.empty() && range.begin < apart.back().end) {
      apart.back().end = std::max(apart.back().end, range.end);
    } else {
      apart.push_back(range);
    }
  }
  return apart;
}

// Reads the marks. A template that cuts text may leave one of a pair: the
// spelling beside it is still guarded.
class MarkReader {
 public:
  explicit MarkReader(const SpecialSpellings* specials) : specials_(specials) {}

  Prompt read(std::string_view rendered) {
    size_t at = 0;
    while (at < rendered.size()) {
      const size_t mark = rendered.find(kMarkLead, at);
      prompt_.text += rendered.substr(at, mark - at);
      if (mark == std::string_view::npos) {
        break;
      }
      at = mark + take(rendered.substr(mark));
    }
    give_up_open();
    guard_after_opens();
    prompt_.guarded = merged(std::move(prompt_.guarded));
    return std::move(prompt_);
  }

 private:
  // Returns the bytes that it took.
  size_t take(std::string_view rest) {
    if (rest.starts_with(kOpen)) {
      give_up_open();
      open_ = prompt_.text.size();
    } else if (rest.starts_with(kClose)) {
      close();
    } else if (rest.starts_with(kEscape)) {
      return unescape(rest);
    } else {
      prompt_.text += rest.substr(0, kMarkLead.size());
      return kMarkLead.size();
    }
    return kMarkBytes;
  }

  void close() {
    const size_t end = prompt_.text.size();
    size_t begin = end;
    if (open_) {
      begin = *open_;
    } else if (specials_) {
      const auto match = specials_->before(prompt_.text, end);
      begin = match ? match->begin : end;
    }
    open_.reset();
    prompt_.guarded.push_back({begin, end});
  }

  void give_up_open() {
    if (open_) {
      lone_opens_.push_back(*open_);
      open_.reset();
    }
  }

  void guard_after_opens() {
    for (const size_t at : lone_opens_) {
      const auto match =
          specials_ ? specials_->at(prompt_.text, at) : std::nullopt;
      prompt_.guarded.push_back({at, match ? match->end : at});
    }
  }

  size_t unescape(std::string_view rest) {
    const size_t index = rest.size() > kMarkBytes ? rest[kMarkBytes] - '0' : 9;
    if (index >= kMarks.size()) {
      return kMarkBytes; // cut off by the template
    }
    prompt_.text += kMarks[index];
    return kMarkBytes + 1;
  }

  const SpecialSpellings* specials_;
  Prompt prompt_{};
  std::optional<size_t> open_{};
  std::vector<size_t> lone_opens_{};
};

bool touches_guarded(const Prompt& prompt, size_t begin, size_t end) {
  const auto range = std::upper_bound(
      prompt.guarded.begin(), prompt.guarded.end(), begin,
      [](size_t at, const Range& range) { return at < range.end; });
  return range != prompt.guarded.end() && range->begin < end;
}

// The next special token that the template wrote.
std::optional<SpecialSpellings::Match> next_special(
    const Prompt& prompt, const SpecialSpellings& specials, size_t from) {
  auto match = specials.find(prompt.text, from);
  while (match && touches_guarded(prompt, match->begin, match->end)) {
    match = specials.find(prompt.text, match->begin + 1);
  }
  return match;
}

using Special = std::optional<SpecialSpellings::Match>;

// Encodes a prompt from one special token of the template to the next; text
// that holds something guarded is read blind to special tokens.
class SegmentEncoder {
 public:
  SegmentEncoder(const Prompt& prompt, const Tokenizer& tokenizer)
      : prompt_(prompt), tokenizer_(tokenizer) {}

  std::vector<TokenId> encode() {
    Special before;
    Special after;
    do {
      const size_t begin = before ? before->end : 0;
      after = next_special(prompt_, tokenizer_.specials(), begin);
      const size_t end = after ? after->begin : prompt_.text.size();
      encode_segment(trimmed({begin, end}, before, after));
      if (after) {
        ids_.push_back(after->id);
      }
      before = after;
    } while (after);
    return std::move(ids_);
  }

 private:
  std::string_view text(Range range) const {
    return std::string_view(prompt_.text)
        .substr(range.begin, range.end - range.begin);
  }

  // Without the white space that the tokens beside it swallow.
  Range trimmed(Range range, const Special& before, const Special& after) {
    const auto& specials = tokenizer_.specials();
    if (before && specials.takes_right(before->id)) {
      const auto blanks = text(range).find_first_not_of(kBlanks);
      range.begin = std::min(range.end, range.begin + blanks);
    }
    if (after && specials.takes_left(after->id)) {
      range.end = range.begin + text(range).find_last_not_of(kBlanks) + 1;
    }
    return range;
  }

  void encode_segment(Range range) {
    if (range.begin == range.end) {
      return;
    }
    const bool guarded = touches_guarded(prompt_, range.begin, range.end);
    const EncodeOptions how{
        .add_special_tokens = false, .parse_special = !guarded};
    const bool fresh = range.begin == 0 || tokenizer_.restarts_after_special();
    append(
        fresh ? tokenizer_.encode(text(range), how)
              : tokenizer_.encode_continued(text(range), how));
  }

  void append(const std::vector<TokenId>& ids) {
    ids_.insert(ids_.end(), ids.begin(), ids.end());
  }

  const Prompt& prompt_;
  const Tokenizer& tokenizer_;
  std::vector<TokenId> ids_{};
};

// Puts what the tokenizer adds to every text (BOS and like) around `ids`.
std::vector<TokenId> framed(
    std::vector<TokenId> ids, const Tokenizer& tokenizer) {
  const auto bare = tokenizer.encode("a", {.add_special_tokens = false});
  const auto whole = tokenizer.encode("a", {.add_special_tokens = true});
  const auto at =
      std::search(whole.begin(), whole.end(), bare.begin(), bare.end());
  if (at != whole.end()) {
    ids.insert(ids.begin(), whole.begin(), at);
    ids.insert(ids.end(), at + bare.size(), whole.end());
  }
  return ids;
}

} // namespace

std::string guard_special(std::string text, const Tokenizer& tokenizer) {
  if (holds_mark(text)) {
    text = escaped(text);
  }
  const auto& specials = tokenizer.specials();
  std::string out;
  size_t done = 0;
  while (const auto match = specials.find(text, done)) {
    out.append(text, done, match->begin - done);
    out += kOpen;
    out.append(text, match->begin, match->end - match->begin);
    out += kClose;
    done = match->end;
  }
  out.append(text, done);
  // What the template puts next must not complete a spelling.
  if (specials.may_continue(text)) {
    out += kClose;
  }
  return out;
}

std::string unguard(std::string rendered) {
  if (!holds_mark(rendered)) {
    return rendered;
  }
  return MarkReader(nullptr).read(rendered).text;
}

std::vector<TokenId> encode_guarded(
    std::string_view rendered, const Tokenizer& tokenizer, bool add_special) {
  if (!holds_mark(rendered)) {
    return tokenizer.encode(rendered, {.add_special_tokens = add_special});
  }
  const auto prompt = MarkReader(&tokenizer.specials()).read(rendered);
  auto ids = SegmentEncoder(prompt, tokenizer).encode();
  return add_special ? framed(std::move(ids), tokenizer) : ids;
}

} // namespace parallm
