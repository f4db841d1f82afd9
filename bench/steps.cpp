// Steps of a real model on a CPU beside what the machine can do at most: how
// long prompts take, and then a step that decodes, at that context.
// Of folders with one weight file.
//   bench_steps MODEL_FOLDER [--prompt 1024] [--sequences 1 8 32] [--tokens 32]
//
// The least time of a step, by the probe in kernels/roofline: the products take
// the longer of reading their weights once and of their operations, at the rate
// of each weight's type; then keys and values are read once. Attention's own
// arithmetic counts as nothing, so that the share is if anything too small.
// What memory gives is measured between the prompts and the steps that decode,
// and after these: on a virtual machine it changes within seconds. If both
// differ by more than a tenth, no share of the roof is said.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <set>
#include <utility>
#include <vector>

#include "base/check.h"
#include "engine/engine.h"
#include "kernels/kernel_pool.h"
#include "kernels/roofline.h"
#include "nn/config_json.h"
#include "nn/safetensors_header.h"
#include "runner/load.h"

namespace parallm {
namespace {

struct Part {
  double bytes = 0;
  double token_ns = 0; // of the operations of a token
};

// What the products of a model read and multiply.
struct Work {
  Part body{};       // that every token meets
  Part experts{};    // all of them
  Part head{};       // that only sampled positions meet
  double chosen = 1; // of the experts, by a token
  double kv_bytes_of_token = 0;

  // tokens: of the step; samples: of them, that yield a token
  double read_bytes(double tokens, double samples) const {
    const double visited = 1 - std::pow(1 - chosen, tokens);
    return body.bytes + visited * experts.bytes + (samples > 0) * head.bytes;
  }
  double operations_ns(double tokens, double samples) const {
    return tokens * (body.token_ns + chosen * experts.token_ns) +
           samples * head.token_ns;
  }
};

bool holds(const std::string& text, const char* word) {
  return text.find(word) != std::string::npos;
}

// Of products with weights of a type, in operations a nanosecond: what has no
// instruction of its own is widened to float32. U32 holds packed numbers.
double rate_of(const std::string& dtype, const Roofline& roof) {
  const double rate = dtype == "U32"    ? roof.int8_gop_s
                      : dtype == "BF16" ? roof.bf16_gflop_s
                                        : 0;
  return rate > 0 ? rate : roof.f32_gflop_s;
}

void count_tensor(
    Part& part, const TensorInfo& tensor, int bits, const Roofline& roof) {
  part.bytes += static_cast<double>(tensor.bytes);
  if (tensor.name.ends_with(".weight")) {
    double numbers = tensor.dtype == "U32" ? 32.0 / bits : 1;
    for (const int64_t size : tensor.shape) {
      numbers *= static_cast<double>(size);
    }
    part.token_ns += 2 * numbers / rate_of(tensor.dtype, roof);
  }
}

Work work_of(
    const std::string& folder,
    const CheckpointSummary& summary,
    const Roofline& roof) {
  const auto config = ConfigJson::read(folder + "/config.json");
  const int bits = config.has("quantization")
                       ? config.object("quantization").integer("bits", 1)
                       : 16;
  const auto file = read_safetensors_header(folder + "/model.safetensors");
  Work work;
  Part embedding;
  for (const auto& tensor : file.tensors) {
    const auto& name = tensor.name;
    count_tensor(
        holds(name, "embed_tokens") ? embedding
        : holds(name, "lm_head")    ? work.head
        : holds(name, "switch_mlp") ? work.experts
                                    : work.body,
        tensor, bits, roof);
  }
  if (work.head.bytes == 0) { // the embedding is the head as well
    work.head = embedding;
  }
  if (work.experts.bytes > 0) {
    work.chosen =
        static_cast<double>(config.integer("num_experts_per_tok", 1)) /
        config.integer("num_experts", 1);
  }
  const MemoryNeeds& needs = summary.needs;
  work.kv_bytes_of_token =
      static_cast<double>(needs.block) / needs.block_tokens;
  return work;
}

struct Case {
  int sequences = 1;
  int prompt_tokens = 1024;
  int tokens = 32; // of each answer
};

GenerateRequest request_of(const Case& c, int i, int vocab) {
  GenerateRequest request;
  for (int k = 0; k < c.prompt_tokens; ++k) {
    request.prompt.push_back(
        (k * 31 + (c.sequences * 100 + i) * 977 + 7) % (vocab - 10) + 1);
  }
  request.max_new_tokens = c.tokens;
  request.sampling.temperature = 0;
  return request;
}

struct Times {
  double prefill_ms = 0;
  double step_ms = 0;     // that decodes for all: the median
  double gb_s_before = 0; // read from memory, before those steps
  double gb_s_after = 0;

  double gb_s() const { return (gb_s_before + gb_s_after) / 2; }
  bool memory_changed() const {
    return std::abs(gb_s_after - gb_s_before) > 0.1 * gb_s();
  }
};

// More than caches hold, and little beside a model.
double memory_gb_s() {
  return measure_read_gb_s(
      kernel_pool(), {.buffer_bytes = size_t{512} << 20, .rounds = 3});
}

class Loop {
 public:
  Loop(const RunnerOptions& wish, const CheckpointSummary& summary)
      : engine_(
            options_of(summary),
            load_runner(wish, summary),
            [this](int, const StepEvents& events) { see(events); },
            status_) {}

  Times run(const Case& c, int vocab) {
    for (int i = 0; i < c.sequences; ++i) {
      GenerateRequest request = request_of(c, i, vocab);
      request.id = RequestId{++last_id_}; // another's blocks are not its own
      engine_.obey(std::move(request));
    }
    Times times;
    const double start = steady_ms();
    answering_.clear();
    while (!engine_.idle() &&
           static_cast<int>(answering_.size()) < c.sequences) {
      engine_.step();
    }
    times.prefill_ms = steady_ms() - start;
    times.gb_s_before = memory_gb_s();
    engine_.step(); // in flight meanwhile, so that it takes no time
    std::vector<double> steps;
    while (!engine_.idle()) {
      const double before = steady_ms();
      tokens_ = 0;
      engine_.step();
      if (tokens_ == c.sequences) { // those that began first end first
        steps.push_back(steady_ms() - before);
      }
    }
    PARALLM_CHECK(
        !steps.empty(), "no step of all {} sequences with {} tokens each",
        c.sequences, c.tokens);
    std::nth_element(
        steps.begin(), steps.begin() + steps.size() / 2, steps.end());
    times.step_ms = steps[steps.size() / 2];
    times.gb_s_after = memory_gb_s();
    return times;
  }

 private:
  static EngineOptions options_of(const CheckpointSummary& summary) {
    EngineOptions options;
    options.limits.max_positions = summary.geometry.max_positions;
    options.limits.prefix_cache = false; // prompts begin alike
    options.limits.has_states = summary.has_states;
    options.geometry = {summary.geometry.blocks, summary.geometry.block_tokens};
    return options;
  }
  void see(const StepEvents& events) {
    for (const TokenEvent& event : events) {
      if (event.token != kNoToken) {
        answering_.insert(event.id);
        ++tokens_;
      }
    }
  }

  uint64_t last_id_ = 0;
  std::set<RequestId> answering_; // since run() began
  int tokens_ = 0;                // of the last step
  EngineStatus status_;
  Engine engine_;
};

// Of the least time to the time taken, in percent.
double share(double least_ms, double ms) {
  return 100 * least_ms / ms;
}

double least_products_ms(
    const Work& work, double gb_s, double tokens, double samples) {
  const double reading_ns = work.read_bytes(tokens, samples) / gb_s;
  return std::max(reading_ns, work.operations_ns(tokens, samples)) / 1e6;
}

double prefill_share(const Work& work, const Case& c, const Times& times) {
  const double prompts = static_cast<double>(c.sequences) * c.prompt_tokens;
  return share(
      least_products_ms(work, times.gb_s_before, prompts, c.sequences),
      times.prefill_ms);
}

double decode_share(const Work& work, const Case& c, const Times& times) {
  const double context = c.sequences * (c.prompt_tokens + c.tokens / 2.0);
  const double kv_ms = context * work.kv_bytes_of_token / times.gb_s() / 1e6;
  return share(
      least_products_ms(work, times.gb_s(), c.sequences, c.sequences) + kv_ms,
      times.step_ms);
}

std::string decode_share_text(
    const Work& work, const Case& c, const Times& times) {
  return times.memory_changed()
             ? "–"
             : fmt::format("{:.0f} %", decode_share(work, c, times));
}

void print_row(const Work& work, const Case& c, const Times& times) {
  fmt::print(
      "| {} | {} | {:.0f} | {:.0f} % | {:.1f} | {:.1f} | {:.1f}, {:.1f} | {} "
      "|\n",
      c.sequences, c.prompt_tokens,
      1000.0 * c.sequences * c.prompt_tokens / times.prefill_ms,
      prefill_share(work, c, times), times.step_ms,
      1000 * c.sequences / times.step_ms, times.gb_s_before, times.gb_s_after,
      decode_share_text(work, c, times));
}

int run(const std::string& folder, const std::vector<int>& sequences, Case c) {
  const RunnerOptions wish{.path = folder};
  const CheckpointSummary summary = inspect_checkpoint(wish);
  const Roofline roof = measure_roofline(kernel_pool());
  const Work work = work_of(folder, summary, roof);
  fmt::print(
      "int8 {:.0f} GOP/s, bf16 {:.0f} and f32 {:.0f} GFLOP/s, {} threads\n\n"
      "| sequences | prompt | prefill, tokens/s | of the roof | decode step, "
      "ms | tokens/s | memory, GB/s | of the roof |\n"
      "|---|---|---|---|---|---|---|---|\n",
      roof.int8_gop_s, roof.bf16_gflop_s, roof.f32_gflop_s, roof.threads);
  Loop loop(wish, summary);
  loop.run({1, 32, 3}, summary.geometry.vocab); // the first step wakes things
  for (const int count : sequences) {
    c.sequences = count;
    print_row(work, c, loop.run(c, summary.geometry.vocab));
  }
  return 0;
}

} // namespace
} // namespace parallm

int main(int argc, char** argv) {
  std::string folder;
  std::vector<int> sequences{1, 8, 32};
  parallm::Case wanted;
  CLI::App app{"Steps of a model beside the roofline"};
  app.add_option("model", folder, "folder")->required();
  app.add_option("--sequences", sequences);
  app.add_option("--prompt", wanted.prompt_tokens)
      ->check(CLI::Range(1, 100000));
  app.add_option("--tokens", wanted.tokens)->check(CLI::Range(3, 100000));
  CLI11_PARSE(app, argc, argv);
  return parallm::run(folder, sequences, wanted);
}
