// The stop matcher, fed with text cut at random places, against the naive
// search of the whole text. However it is cut, the same must be shown and the
// same stop string found, at its last byte; and until then all is shown but
// the longest end that may still become a stop string.
#include "text/stop_matcher.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <random>

#include "tests/fuzz/fuzz_target.h"
#include "tests/text/naive_stop.h"

namespace parallm::fuzz {

using test::Stopped;

namespace {

// An input: a byte of flags, the stop strings, each ended by kEnd, the text.
constexpr char kEnd = '\xFF'; // no byte of UTF-8
constexpr uint8_t kIncludeStop = 1;
constexpr uint8_t kTwoLetters = 2; // all bytes become one of two

// The naive search is slow.
constexpr size_t kMaxStops = 8;
constexpr size_t kMaxStopBytes = 64;
constexpr size_t kMaxTextBytes = 512;

std::string seed(
    uint8_t flags,
    const std::vector<std::string>& stops,
    const std::string& text) {
  std::string input(1, static_cast<char>(flags));
  for (const std::string& stop : stops) {
    input += stop + kEnd;
  }
  return input + text;
}

} // namespace

std::vector<std::string> seeds() {
  return {
      seed(0, {"END"}, "an EN, an ENEND and more"),
      seed(kIncludeStop, {"\n\nUser:", "</s>"}, "no\n\nUse <</s\n\n\nUser:"),
      seed(0, {"c", "bc", "abc", "bcd"}, "ab a b c abcd"),
      seed(0, {"ab", "ab", ""}, "aab"),
      seed(0, {"é", "日本語"}, "è 日本 日日本語"),
      seed(0, {std::string("\0\0", 2)}, std::string("a\0b\0\0c", 6)),
      seed(0, {}, "nothing to find"),
      seed(0, {"never here"}, "never her never he never h"),
      seed(kTwoLetters, {"aabaabbb", "baabaaa"}, "aabaabaabaabbaabaabbb"),
      seed(
          kTwoLetters | kIncludeStop, {"aaaab", "aabaaa"}, "aaaaaaabaabaaaab")};
}

std::vector<std::string> tokens() {
  return {
      {kEnd}, std::string(1, 0), "a",   "aa", "ab", "aab", "abaabab", "</s>",
      "\n\n", "\n\nUser:",       "END", "é",  "日", "本"};
}

namespace {

struct Case {
  bool include_stop = false;
  std::vector<std::string> stops{};
  std::string text{};
  uint32_t cut_seed = 0;
};

// Stop strings that overlap themselves and the text are rare among bytes.
std::string in_two_letters(std::string bytes) {
  for (char& byte : bytes) {
    byte = byte == kEnd ? kEnd : "ab"[byte & 1];
  }
  return bytes;
}

Case read_case(std::string input) {
  Case read;
  if (input.empty()) {
    return read;
  }
  const auto flags = static_cast<uint8_t>(input[0]);
  read.include_stop = flags & kIncludeStop;
  read.cut_seed = static_cast<uint32_t>(1 + flags + input.size());
  input.erase(0, 1);
  if (flags & kTwoLetters) {
    input = in_two_letters(std::move(input));
  }
  size_t end = input.find(kEnd);
  for (; end != input.npos && read.stops.size() < kMaxStops;
       end = input.find(kEnd)) {
    read.stops.push_back(input.substr(0, std::min(end, kMaxStopBytes)));
    input.erase(0, end + 1);
  }
  read.text = input.substr(0, kMaxTextBytes);
  return read;
}

void expect(bool truth) {
  if (!truth) {
    std::abort();
  }
}

// The longest end of `text` that a stop string begins with.
size_t held_bytes(
    std::string_view text, const std::vector<std::string>& stops) {
  size_t held = 0;
  for (const std::string& stop : stops) {
    for (size_t bytes = held + 1; bytes < stop.size(); ++bytes) {
      if (text.ends_with(std::string_view(stop).substr(0, bytes))) {
        held = bytes;
      }
    }
  }
  return held;
}

enum class Cuts { kNone, kRandom, kEvery };

class Cutter {
 public:
  Cutter(const Case& it, Cuts cuts)
      : cuts_(cuts), whole_(it.text.size()), random_(it.cut_seed) {}

  // Some pieces are empty: a token need not complete a character.
  size_t next_bytes() {
    return cuts_ == Cuts::kNone    ? whole_
           : cuts_ == Cuts::kEvery ? 1
                                   : random_() % (random_() % 4 == 0 ? 24 : 4);
  }

 private:
  Cuts cuts_;
  size_t whole_;
  std::minstd_rand random_;
};

// One past the last byte of the stop string that is found.
size_t match_end(const Case& it, const Stopped& found) {
  if (found.stop < 0) {
    return std::numeric_limits<size_t>::max();
  }
  const size_t hidden = it.include_stop ? 0 : it.stops[found.stop].size();
  return found.shown.size() + hidden;
}

Stopped match(const Case& it, Cuts cuts, size_t end) {
  const std::string_view text = it.text;
  StopMatcher matcher(it.stops, it.include_stop);
  Cutter cutter(it, cuts);
  Stopped result;
  for (size_t fed = 0; fed < text.size() && result.stop < 0;) {
    const auto piece = text.substr(fed, cutter.next_bytes());
    fed += piece.size();
    result.stop = matcher.push(piece, result.shown);
    expect((result.stop >= 0) == (fed >= end));
    const auto seen = text.substr(0, fed);
    const size_t settled = fed - held_bytes(seen, it.stops);
    expect(result.stop >= 0 || result.shown == seen.substr(0, settled));
  }
  matcher.finish(result.shown); // after a match nothing is left
  return result;
}

} // namespace
} // namespace parallm::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  using namespace parallm::fuzz;
  const Case it = read_case({reinterpret_cast<const char*>(bytes), count});
  const auto wanted =
      parallm::test::naive_stop(it.text, it.stops, it.include_stop);
  const size_t end = match_end(it, wanted);
  for (const Cuts cuts : {Cuts::kNone, Cuts::kRandom, Cuts::kEvery}) {
    expect(match(it, cuts, end) == wanted);
  }
  return 0;
}
