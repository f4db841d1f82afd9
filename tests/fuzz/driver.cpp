// Runs a fuzz target without libFuzzer, so that g++ can build it:
//   TARGET [--seconds N] [--runs N] [--seed N] [FILE or DIRECTORY ...]
// The inputs are the files, the target's seeds, and mutations of both. On a
// crash the input is left in fuzz-crash.bin and the exit code is not 0.
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "tests/fuzz/fuzz_target.h"

extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(
    void (*callback)());

namespace parallm::fuzz {

__attribute__((weak)) std::vector<std::string> seeds() {
  return {};
}
__attribute__((weak)) std::vector<std::string> tokens() {
  return {};
}

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMaxBytes = 64 * 1024;
constexpr int kMaxMutations = 8;
constexpr size_t kMaxKept = 512; // mutated inputs that are mutated again

struct Options {
  double seconds = 0;
  uint64_t runs = 0; // 0 and no seconds: the given inputs only
  uint64_t seed = 1;
  std::vector<std::string> paths{};
};

[[noreturn]] void usage() {
  std::fputs("usage: [--seconds N] [--runs N] [--seed N] [PATH ...]\n", stderr);
  std::exit(64);
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (!word.starts_with("--")) {
      options.paths.push_back(word);
      continue;
    }
    if (++i == argc) {
      usage();
    }
    if (word == "--seconds") {
      options.seconds = std::atof(argv[i]);
    } else if (word == "--runs") {
      options.runs = std::strtoull(argv[i], nullptr, 10);
    } else if (word == "--seed") {
      options.seed = std::strtoull(argv[i], nullptr, 10);
    } else {
      usage();
    }
  }
  return options;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> read_corpus(const std::vector<std::string>& paths) {
  std::vector<std::string> corpus = seeds();
  for (const std::string& path : paths) {
    if (!std::filesystem::is_directory(path)) {
      corpus.push_back(read_file(path));
      continue;
    }
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(path)) {
      if (entry.is_regular_file()) {
        corpus.push_back(read_file(entry.path()));
      }
    }
  }
  return corpus;
}

// Draws inputs. The same seed and corpus give the same inputs.
class Mutator {
 public:
  Mutator(std::vector<std::string> corpus, uint64_t seed)
      : corpus_(std::move(corpus)), tokens_(tokens()), random_(seed) {
    given_ = corpus_.size();
  }

  std::string next() {
    std::string input =
        corpus_.empty() || below(20) == 0 ? noise(below(300)) : any_input();
    const size_t mutations = 1 + below(1 + below(kMaxMutations));
    for (size_t i = 0; i < mutations; ++i) {
      mutate(input);
    }
    input.resize(std::min(input.size(), kMaxBytes));
    keep(input);
    return input;
  }

 private:
  size_t below(size_t limit) {
    return limit == 0 ? 0 : static_cast<size_t>(random_() % limit);
  }

  // Mostly a given one: what is mutated again and again becomes noise.
  const std::string& any_input() {
    const bool given = given_ > 0 && below(4) != 0;
    return corpus_[below(given ? given_ : corpus_.size())];
  }

  std::string noise(size_t bytes) {
    std::string result(bytes, 0);
    for (char& byte : result) {
      byte = static_cast<char>(random_());
    }
    return result;
  }

  void mutate(std::string& input) {
    const size_t at = below(input.size() + 1);
    switch (below(8)) {
      case 0: // flip a bit
        if (at < input.size()) {
          input[at] = static_cast<char>(input[at] ^ (1 << below(8)));
        }
        break;
      case 1: // another byte
        if (at < input.size()) {
          input[at] = static_cast<char>(random_());
        }
        break;
      case 2: // leave out
        input.erase(at, 1 + below(16));
        break;
      case 3: // cut off, now and then
        input.resize(below(8) == 0 ? at : input.size());
        break;
      case 4: // double
        input.insert(at, input.substr(at, 1 + below(32)));
        break;
      case 5: // splice two inputs
        if (!corpus_.empty()) {
          const std::string& other = any_input();
          input = input.substr(0, at) + other.substr(below(other.size() + 1));
        }
        break;
      case 6: // insert noise
        input.insert(at, noise(1 + below(8)));
        break;
      default: // insert a word
        if (!tokens_.empty()) {
          input.insert(at, tokens_[below(tokens_.size())]);
        }
    }
  }

  void keep(const std::string& input) {
    if (below(64) != 0) {
      return;
    }
    if (corpus_.size() < given_ + kMaxKept) {
      corpus_.push_back(input);
    } else {
      corpus_[given_ + below(kMaxKept)] = input;
    }
  }

  std::vector<std::string> corpus_;
  const std::vector<std::string> tokens_;
  size_t given_ = 0;
  std::mt19937_64 random_;
};

// For whoever finds the process dying.
const std::string* present_input = nullptr;

void save_input() {
  if (present_input == nullptr) {
    return;
  }
  const int fd = ::open("fuzz-crash.bin", O_CREAT | O_TRUNC | O_WRONLY, 0644);
  if (::write(fd, present_input->data(), present_input->size()) >= 0) {
    ::close(fd);
  }
  present_input = nullptr;
}

void on_abort(int) {
  save_input();
  std::_Exit(1);
}

void run_one(const std::string& input) {
  present_input = &input;
  LLVMFuzzerTestOneInput(
      reinterpret_cast<const uint8_t*>(input.data()), input.size());
  present_input = nullptr;
}

uint64_t run_all(const Options& options) {
  const auto end =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(
                         std::chrono::duration<double>(options.seconds));
  std::vector<std::string> corpus = read_corpus(options.paths);
  uint64_t runs = 0;
  for (const std::string& input : corpus) {
    run_one(input);
    ++runs;
  }
  Mutator mutator(std::move(corpus), options.seed);
  const auto wanted = [&] {
    return options.runs > 0 ? runs < options.runs
                            : options.seconds > 0 && Clock::now() < end;
  };
  for (; wanted(); ++runs) {
    run_one(mutator.next());
  }
  return runs;
}

int run(int argc, char** argv) {
  const Options options = parse(argc, argv);
  std::signal(SIGABRT, on_abort);
  if (__sanitizer_set_death_callback != nullptr) {
    __sanitizer_set_death_callback(save_input);
  }
  const auto begin = Clock::now();
  const uint64_t runs = run_all(options);
  const double seconds =
      std::chrono::duration<double>(Clock::now() - begin).count();
  std::printf(
      "%llu runs in %.1f s (%.0f/s), seed %llu, no crash\n",
      static_cast<unsigned long long>(runs), seconds,
      seconds > 0 ? static_cast<double>(runs) / seconds : 0.0,
      static_cast<unsigned long long>(options.seed));
  return 0;
}

} // namespace
} // namespace parallm::fuzz

int main(int argc, char** argv) {
  try {
    return parallm::fuzz::run(argc, argv);
  } catch (const std::exception& error) {
    parallm::fuzz::save_input();
    std::fprintf(stderr, "thrown out of the target: %s\n", error.what());
    return 1;
  }
}
