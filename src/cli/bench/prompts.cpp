#include "cli/bench/prompts.h"

#include <array>

namespace parallm::bench {

namespace {

// Of one token each in most vocabularies.
constexpr std::array kWords = {
    "time",    "year",    "people",  "way",      "day",    "man",    "thing",
    "woman",   "life",    "child",   "world",    "school", "state",  "family",
    "group",   "country", "hand",    "part",     "place",  "case",   "week",
    "company", "system",  "program", "question", "work",   "number", "night",
    "point",   "home",    "water",   "room",     "mother", "area",   "money",
    "story",   "fact",    "month",   "lot",      "right",  "study",  "book",
    "eye",     "job",     "word",    "business", "issue",  "side",   "kind",
    "head",    "house",   "service", "friend",   "father", "power",  "hour",
    "game",    "line",    "end",     "member",   "law",    "car",    "city",
    "name"};

} // namespace

// No distribution of the standard library, which each platform has its own of.
std::string Prompts::next(int words) {
  std::string text;
  for (int i = 0; i < words; ++i) {
    text += i == 0 ? "" : " ";
    text += kWords[random_() % kWords.size()];
  }
  return text;
}

} // namespace parallm::bench
