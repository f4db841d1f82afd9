#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/generator.h"
#include "core/status.h"
#include "delivery/delivery.h"

// What the tests of this room share: the tokenizer of the tiny chat model,
// one token per byte, and an engine's side that only writes down.
namespace parallm {

inline constexpr TokenId kEos = 1;   // of the tiny chat model
inline constexpr TokenId kImEnd = 3; // the other one

inline std::shared_ptr<const Tokenizer> tiny_tokenizer() {
  static const auto tokenizer =
      Tokenizer::load(std::string(PARALLM_TEST_DATA) + "/tiny-chat");
  return tokenizer;
}

inline TokenId byte_token(char byte) {
  static const auto table = [] {
    std::array<TokenId, 256> ids{};
    const auto tokenizer = tiny_tokenizer();
    for (TokenId id = 0; id < tokenizer->vocab(); ++id) {
      const auto bytes = tokenizer->bytes(id);
      if (bytes.size() == 1) {
        ids[static_cast<unsigned char>(bytes[0])] = id;
      }
    }
    return ids;
  }();
  return table[static_cast<unsigned char>(byte)];
}

inline std::vector<TokenId> byte_tokens(std::string_view text) {
  std::vector<TokenId> ids;
  for (const char byte : text) {
    ids.push_back(byte_token(byte));
  }
  return ids;
}

// One engine's door and a Delivery before it, all on the test's thread.
struct Bench {
  explicit Bench(DeliveryLimits limits = {}, ServerMetrics* metrics = nullptr)
      : delivery(
            1,
            tiny_tokenizer(),
            limits,
            status,
            [this](EngineCommand command) {
              commands.push_back(std::move(command));
              return !engine_ended;
            },
            metrics) {
    status.state = EngineState::kReady;
  }

  Result<std::unique_ptr<Reply>, Refusal> start(GenerateJob job) {
    return delivery.shard(0).start(std::move(job));
  }

  // Started, and the ids of its requests.
  std::unique_ptr<Reply> admit(GenerateJob job) {
    ids.clear();
    const size_t before = commands.size();
    auto reply = start(std::move(job));
    for (size_t i = before; i < commands.size(); ++i) {
      ids.push_back(std::get<GenerateRequest>(commands[i]).id);
    }
    commands.clear();
    return reply ? std::move(reply).value() : nullptr;
  }

  void step(std::vector<TokenEvent> events) {
    delivery.deliver(0, std::move(events));
  }
  template <class... Events>
  void events(Events... some) {
    StepEvents list;
    (list.push_back(std::move(some)), ...);
    step(std::move(list));
  }

  std::vector<CancelRequest> cancels() const {
    std::vector<CancelRequest> found;
    for (const auto& command : commands) {
      if (const auto* cancel = std::get_if<CancelRequest>(&command)) {
        found.push_back(*cancel);
      }
    }
    return found;
  }

  EngineStatus status;
  bool engine_ended = false;
  std::vector<EngineCommand> commands;
  std::vector<RequestId> ids;
  Delivery delivery;
};

inline GenerateJob job_of(
    int requests = 1, int choices = 1, TextRules rules = {}, int prompt = 4) {
  GenerateJob job;
  for (int i = 0; i < requests; ++i) {
    GenerateRequest request;
    request.prompt.assign(prompt, 5);
    request.choices = choices;
    request.max_new_tokens = 1000;
    request.end_tokens = {kEos, kImEnd};
    job.requests.push_back(std::move(request));
  }
  job.rules = std::move(rules);
  return job;
}

inline TokenEvent token_event(RequestId id, TokenId token, int choice = 0) {
  TokenEvent event;
  event.id = id;
  event.choice = choice;
  event.token = token;
  return event;
}

inline TokenEvent finish_event(
    RequestId id,
    FinishReason reason,
    TokenId token = kNoToken,
    int choice = 0) {
  TokenEvent event = token_event(id, token, choice);
  event.finish = reason;
  event.details = std::make_unique<EventDetails>();
  event.details->stats = SequenceStats{.prompt_tokens = 4, .cached_tokens = 2};
  return event;
}

// The deltas of a reply, put together per choice.
struct Gathered {
  std::string text;
  int sampled_tokens = 0;
  std::vector<TokenDetail> tokens;
  std::vector<TokenLogprobs> prompt_logprobs;
  std::vector<ChoiceEnd> ends;
};

inline void gather(std::vector<TextDelta> deltas, std::vector<Gathered>& all) {
  for (TextDelta& delta : deltas) {
    const size_t choice = static_cast<size_t>(delta.choice);
    all.resize(std::max(all.size(), choice + 1));
    Gathered& one = all[choice];
    one.text += delta.text;
    one.sampled_tokens += delta.sampled_tokens;
    for (auto& token : delta.tokens) {
      one.tokens.push_back(std::move(token));
    }
    for (auto& score : delta.prompt_logprobs) {
      one.prompt_logprobs.push_back(std::move(score));
    }
    if (delta.end) {
      one.ends.push_back(*delta.end);
    }
  }
}

} // namespace parallm
