#include "text/detokenizer.h"

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <map>

#include "base/hash.h"
#include "text/stop_matcher.h"

// Ids -> text and the search for stop strings, token by token; the figure is
// `per_token`, whose budget is 0.3 us. TOKENIZER=FOLDER takes a tokenizer.json
// other than the small byte-level one.
namespace parallm {
namespace {

constexpr size_t kTokens = 4096; // of one choice

const Tokenizer& tokenizer_in(const std::string& folder) {
  static std::map<std::string, std::shared_ptr<const Tokenizer>> loaded;
  auto& kept = loaded[folder];
  if (!kept) {
    kept = Tokenizer::load(folder);
  }
  return *kept;
}

const Tokenizer& byte_level() {
  const char* given = std::getenv("TOKENIZER");
  return tokenizer_in(given ? given : PARALLM_TEST_DATA "/tiny-chat");
}

const Tokenizer& pieces() {
  return tokenizer_in(PARALLM_TEST_DATA "/tokenizers/pieces");
}

using Ids = std::vector<TokenId>;

Ids repeated(const Tokenizer& tokenizer, const std::string& text) {
  const auto once = tokenizer.encode(text, {.add_special_tokens = false});
  Ids ids(kTokens);
  for (size_t i = 0; i < ids.size(); ++i) {
    ids[i] = once[i % once.size()];
  }
  return ids;
}

Ids prose(const Tokenizer& tokenizer) {
  return repeated(
      tokenizer,
      " once upon a time, two small boats and a robot waited in the harbour"
      " while the rain fell over the bridge and the sea.\n");
}

// Characters of several tokens each, in vocabularies that lack them.
Ids emoji(const Tokenizer& tokenizer) {
  return repeated(tokenizer, "\U0001F999\U0001F6F6\U00013080");
}

// As no text has them: broken characters, and no cache line twice.
Ids scattered(const Tokenizer& tokenizer) {
  Ids ids(kTokens);
  for (size_t i = 0; i < ids.size(); ++i) {
    ids[i] = static_cast<TokenId>(mix64(i) % uint64_t(tokenizer.vocab()));
  }
  return ids;
}

void count(benchmark::State& state, size_t tokens) {
  using benchmark::Counter;
  const auto rate = static_cast<double>(tokens);
  state.counters["per_token"] =
      Counter(rate, Counter::kIsIterationInvariantRate | Counter::kInvert);
}

using Vocabulary = const Tokenizer& (*)();
using Choice = Ids (*)(const Tokenizer&);

void detokenize(benchmark::State& state, Vocabulary vocabulary, Choice choice) {
  const Tokenizer& tokenizer = vocabulary();
  const Ids ids = choice(tokenizer);
  for (auto _ : state) {
    Detokenizer detokenizer(tokenizer, true);
    for (const TokenId id : ids) {
      std::string text; // as the shard has it, for each token
      detokenizer.push(id, text);
      benchmark::DoNotOptimize(text.data());
    }
  }
  count(state, ids.size());
}

BENCHMARK_CAPTURE(detokenize, byte_level_prose, byte_level, prose);
BENCHMARK_CAPTURE(detokenize, byte_level_emoji, byte_level, emoji);
BENCHMARK_CAPTURE(detokenize, byte_level_scattered, byte_level, scattered);
BENCHMARK_CAPTURE(detokenize, pieces_prose, pieces, prose);
BENCHMARK_CAPTURE(detokenize, pieces_emoji, pieces, emoji);
BENCHMARK_CAPTURE(detokenize, pieces_scattered, pieces, scattered);

using Strings = std::vector<std::string>;

// What each token of the choice shows before stop strings are looked for.
Strings deltas(const Tokenizer& tokenizer, const Ids& ids) {
  Detokenizer detokenizer(tokenizer, true);
  Strings all(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    detokenizer.push(ids[i], all[i]);
  }
  return all;
}

void match(benchmark::State& state, const Strings& texts, Strings stops) {
  for (auto _ : state) {
    StopMatcher matcher(stops, false);
    for (const std::string& text : texts) {
      std::string shown;
      const int stop = matcher.push(text, shown);
      benchmark::DoNotOptimize(shown.data());
      if (stop >= 0) {
        return state.SkipWithError("found a stop string");
      }
    }
  }
  count(state, texts.size());
}

void match_prose(benchmark::State& state, Strings stops) {
  const Tokenizer& tokenizer = byte_level();
  match(state, deltas(tokenizer, prose(tokenizer)), std::move(stops));
}

// Four letters a token, all held back until the stop string fails.
void match_near_misses(benchmark::State& state) {
  Strings texts;
  for (size_t i = 0; i < kTokens; ++i) {
    texts.push_back(i % 8 == 7 ? "aaac" : "aaaa");
  }
  match(state, texts, {std::string(40, 'a') + "b"});
}

BENCHMARK_CAPTURE(match_prose, one_stop_string, Strings{"\n\nUser:"});
BENCHMARK_CAPTURE(
    match_prose,
    four_stop_strings,
    Strings{"\n\nUser:", "</s>", "Observation:", "###\n\n\n"});
BENCHMARK(match_near_misses);

} // namespace
} // namespace parallm
