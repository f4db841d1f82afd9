#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "base/hash.h"
#include "delivery/delivery.h"
#include "metrics/server_metrics.h"

// The way from the engine's events to TextDelta in the hands of a reader, on
// one core: items are tokens.
namespace parallm {
namespace {

constexpr int kStreams = 256;

struct Reader {
  std::unique_ptr<Reply> reply;
  bool woken = false;
};

class Front {
 public:
  explicit Front(TextRules rules)
      : tokenizer_(
            Tokenizer::load(std::string(PARALLM_TEST_DATA) + "/tiny-chat")),
        delivery_(
            1,
            tokenizer_,
            {},
            status_,
            [this](EngineCommand command) {
              ids_.push_back(std::get<GenerateRequest>(command).id);
              return true;
            },
            &metrics_) {
    status_.state = EngineState::kReady;
    readers_.resize(kStreams);
    for (Reader& reader : readers_) {
      start(reader, rules);
    }
  }
  ~Front() {
    StepEvents ends = events();
    for (TokenEvent& event : ends) {
      event.finish = FinishReason::kLength;
    }
    delivery_.deliver(0, std::move(ends));
  }

  // One token for each stream.
  StepEvents events() {
    StepEvents list(ids_.size());
    for (size_t i = 0; i < list.size(); ++i) {
      list[i].id = ids_[i];
      list[i].token = static_cast<TokenId>(4 + mix64(serial_++) % 300);
    }
    return list;
  }

  // Returns the bytes of text.
  size_t turn(StepEvents list) {
    delivery_.deliver(0, std::move(list));
    size_t bytes = 0;
    for (Reader& reader : readers_) {
      if (reader.woken) {
        bytes += read(reader);
      }
    }
    return bytes;
  }

 private:
  void start(Reader& reader, const TextRules& rules) {
    GenerateJob job;
    job.requests.resize(1);
    job.requests[0].prompt = {5};
    job.rules = rules;
    reader.reply = std::move(delivery_.shard(0).start(std::move(job))).value();
    reader.reply->wake_once([&reader] { reader.woken = true; });
  }

  static size_t read(Reader& reader) {
    reader.woken = false;
    size_t bytes = 0;
    auto deltas = reader.reply->take();
    for (const TextDelta& delta : deltas) {
      bytes += delta.text.size();
    }
    reader.reply->reuse(std::move(deltas));
    reader.reply->wake_once([&reader] { reader.woken = true; });
    return bytes;
  }

  EngineStatus status_;
  ServerMetrics metrics_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::vector<RequestId> ids_;
  uint64_t serial_ = 0;
  Delivery delivery_;
  std::vector<Reader> readers_;
};

void deliver(benchmark::State& state, TextRules rules) {
  Front front(std::move(rules));
  size_t bytes = 0;
  for (auto _ : state) {
    state.PauseTiming(); // the engine makes the list
    StepEvents list = front.events();
    state.ResumeTiming();
    bytes += front.turn(std::move(list));
  }
  state.SetItemsProcessed(state.iterations() * kStreams);
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
}

BENCHMARK_CAPTURE(deliver, plain, TextRules{});
BENCHMARK_CAPTURE(
    deliver,
    four_stop_strings,
    TextRules{
        .stop_strings = {"\n\nUser:", "</s>", "Observation:", "###\n\n\n"}});
BENCHMARK_CAPTURE(deliver, token_details, TextRules{.token_details = true});

} // namespace
} // namespace parallm
