#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <iterator>
#include <sstream>

#include "base/check.h"
#include "cli/cli.h"
#include "runtime/model_text.h"

namespace parallm {

namespace {

struct Wanted {
  std::string folder{};
  std::vector<std::string> words{}; // none: standard input
  bool decode = false;
  bool no_special = false;
};

std::string input_of(const Wanted& wanted) {
  if (!wanted.words.empty()) {
    return fmt::format("{}", fmt::join(wanted.words, " "));
  }
  return {std::istreambuf_iterator<char>(std::cin), {}};
}

std::vector<TokenId> ids_in(const std::string& text, int vocab) {
  std::vector<TokenId> ids;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    size_t used = 0;
    int id = -1;
    try {
      id = std::stoi(word, &used);
    } catch (const std::logic_error&) { // no number, or none that fits
    }
    if (used != word.size() || id < 0 || id >= vocab) {
      throw StartError(
          kExitUsage,
          fmt::format(
              "\"{}\": expected a token id from 0 to {}", word, vocab - 1));
    }
    ids.push_back(id);
  }
  return ids;
}

void print(const Wanted& wanted) {
  const auto tokenizer = load_tokenizer(wanted.folder);
  const std::string input = input_of(wanted);
  if (wanted.decode) {
    const auto ids = ids_in(input, tokenizer->vocab());
    fmt::print("{}\n", tokenizer->decode(ids, wanted.no_special));
    return;
  }
  const auto ids =
      tokenizer->encode(input, {.add_special_tokens = !wanted.no_special});
  fmt::print("{}\n", fmt::join(ids, " "));
}

} // namespace

int run_tokenize(const std::vector<std::string>& arguments) {
  Wanted wanted;
  CLI::App app(
      "Ids of a text, or with --decode the text of ids", "parallm tokenize");
  app.add_option("PATH", wanted.folder, "folder of the checkpoint, or .gguf")
      ->required();
  app.add_option("INPUT", wanted.words, "text or ids; none: standard input");
  app.add_flag("--decode", wanted.decode, "from ids to text");
  app.add_flag(
      "--no-special", wanted.no_special, "without special tokens such as BOS");
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    return 0;
  } catch (const CLI::ParseError& error) {
    throw StartError(kExitUsage, error.what());
  }
  print(wanted);
  return 0;
}

} // namespace parallm
